"""People of a parent meeting, and where they are."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from schemas.columns import Json, UtcDateTime, new_id, state_column
from schemas.states import (
    Location,
    Role,
)
from schemas.tables.admission import Admission
from schemas.tables.rows import when

IS_FORMER = "former_meeting_id IS NOT NULL"
"""The condition of the index on people who have left for good."""
IS_OF_MEETING = "meeting_id IS NOT NULL"
"""The condition of the index on the callers' own ids.

It makes PostgreSQL take the columns for none of a key. To change a key, as for somebody who leaves for good, it would
wait for all who have pointed a row to theirs, and these wait for the same person in the end (seen as deadlocks).
"""


class Participant(Admission, table=True):
    """A person of a parent meeting, under the caller's own id, and their admission to it."""

    __table_args__: ClassVar[Any] = (
        Index("uq_participant_name", "meeting_id", "custom_participant_id", unique=True, **when(IS_OF_MEETING)),
        Index("ix_participant_token_wanted", "meeting_id", **when("token_wanted")),
        Index("ix_participant_former", "former_meeting_id", "custom_participant_id", **when(IS_FORMER)),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    meeting_id: str | None = Field(default=None, foreign_key="meeting.id", max_length=36)
    """Null for somebody who has left for good, and for whoever stands in for a name that is kept no longer."""
    former_meeting_id: str | None = Field(default=None, foreign_key="meeting.id", max_length=36)
    """The meeting of these. What is stored of breakouts still names them."""
    custom_participant_id: str = Field(max_length=200)
    name: str
    role: Role = Field(default=Role.PARTICIPANT, sa_type=state_column(Role))
    preset_name: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    token_refusals: int = 0
    token_again_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The earliest time of the next request, after `token_refusals` refusals in a row."""
    version: int = 0
    """Raised by every change of what their seat shows."""
    token_number: int = 0
    """Client tokens carry it, and those of another number are refused. Raised by who takes all of them back."""
    location: Location = Field(default=Location.AWAY, sa_type=state_column(Location))
    location_room_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Presence(SQLModel, table=True):
    """The last stay of one peer (tab, device) of a person in the parent meeting (`room_id` null) or a room."""

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("meeting_id", "peer_id", "room_id"),
        Index("uq_presence_in_main", "meeting_id", "peer_id", unique=True, **when("room_id IS NULL")),
        Index("ix_presence_here", "participant_id", **when("left_at IS NULL")),
        Index("ix_presence_participant_id", "participant_id"),
        Index("ix_presence_in_meeting", "meeting_id", **when("left_at IS NULL")),
        Index("ix_presence_in_room", "room_id", **when("left_at IS NULL")),
        Index("ix_presence_room_id_participant_id", "room_id", "participant_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    meeting_id: str = Field(foreign_key="meeting.id", max_length=36)
    participant_id: str = Field(foreign_key="participant.id", max_length=36)
    room_id: str | None = Field(default=None, foreign_key="room.id", max_length=36)
    session_id: str | None = Field(default=None, max_length=64)
    peer_id: str = Field(max_length=100)
    """RealtimeKit's peer id, or `ack:…` if only the browser has reported the stay."""
    joined_at: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    left_presumed: bool = False
    """Whether only a poll reported the end, so that a poll that shows the peer again corrects it."""


class Visit(SQLModel, table=True):
    """One stay of one peer in a room, as RealtimeKit has told it, for attendance. Nothing is decided by it."""

    __table_args__: ClassVar[Any] = (
        Index("ix_visit_room_id_peer_id", "room_id", "peer_id"),
        Index("ix_visit_participant_id", "participant_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    room_id: str = Field(foreign_key="room.id", max_length=36)
    participant_id: str = Field(foreign_key="participant.id", max_length=36)
    peer_id: str = Field(max_length=100)
    joined_at: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """None until RealtimeKit has told it."""


class UnregisteredPeer(SQLModel, table=True):
    """A connection in the parent meeting of somebody who is not registered here, until they are imported or leave."""

    __table_args__: ClassVar[Any] = (UniqueConstraint("meeting_id", "peer_id"),)
    __tablename__: ClassVar[Any] = "unregistered_peer"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    meeting_id: str = Field(foreign_key="meeting.id", max_length=36)
    peer_id: str = Field(max_length=100)
    session_id: str | None = Field(default=None, max_length=64)
    custom_participant_id: str = Field(max_length=200)
    """Empty for somebody who has none."""
    realtimekit_participant_id: str | None = Field(default=None, max_length=64)
    """The record of somebody without a `custom_participant_id`; null until it is known, and for bots, who have none."""
    name: str
    joined_at: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    looked_for_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When RealtimeKit was asked who this is; null: that is still to be done."""
