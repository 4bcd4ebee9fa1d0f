"""What is kept of somebody's record and token at RealtimeKit."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from schemas.columns import UtcDateTime


class Admission(SQLModel):
    """What is known of a person's record in one RealtimeKit meeting, and the token that lets them join it."""

    realtimekit_participant_id: str | None = Field(default=None, max_length=64)
    name_at_realtimekit: str | None = None
    """The name that the record was last given, or that RealtimeKit has refused; null when that is not known."""
    preset_at_realtimekit: str | None = None
    """The preset, likewise."""
    auth_token: str | None = None
    """The token, encrypted."""
    token_made_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    token_renew_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """From then on another one is made; null for a token that names no end."""
    token_good_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """From then on no seat shows it, because it ends soon after; null for a token that names no end."""
    token_wanted: bool = False
    """Whether a browser needs a token, or another one; cleared when it is there."""
    in_doubt: bool = False
    """Whether the person may have been added without our knowing."""
