"""What exists for a caller: every meeting, those of a tenant, or one. Breakouts belong to their meetings."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import col

from schemas.tables import Meeting


@dataclass(frozen=True)
class Reach:
    """The meetings that exist for a caller."""

    tenant: str | None = None
    """Only those of this tenant; None: whosever they are."""
    meeting_id: str | None = None
    """Only this one, for a host; None: any."""

    @property
    def is_everything(self) -> bool:
        """Whether every meeting exists for this caller."""
        return self == EVERYTHING

    def covers(self, meeting: Meeting) -> bool:
        """Return whether this meeting exists for the caller."""
        return self.tenant in (None, meeting.tenant) and self.meeting_id in (None, meeting.id)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions on rows of Meeting that exist for the caller."""
        wanted = ((Meeting.tenant, self.tenant), (Meeting.id, self.meeting_id))
        return [col(column) == value for column, value in wanted if value is not None]


EVERYTHING = Reach()
