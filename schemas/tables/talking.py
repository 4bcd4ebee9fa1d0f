"""What people in rooms ask of hosts, and what is asked of them."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from schemas.columns import Json, UtcDateTime, new_id
from schemas.tables.rows import when

IS_OPEN_REQUEST = "resolved_at IS NULL"
"""The condition of the index on requests for help that nobody has resolved yet."""


class HelpRequest(SQLModel, table=True):
    """One person in a room who asks the hosts for help."""

    __tablename__: ClassVar[Any] = "help_request"
    __table_args__: ClassVar[Any] = (
        Index("ix_help_request_breakout_id", "breakout_id", "id"),
        Index("ix_help_request_participant_id", "participant_id"),
        Index("ix_help_request_room_id", "room_id"),
        Index("uq_help_request_open", "breakout_id", "participant_id", unique=True, **when(IS_OPEN_REQUEST)),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    breakout_id: str = Field(foreign_key="breakout.id", max_length=36)
    room_id: str = Field(foreign_key="room.id", max_length=36)
    """Where the person was when they asked last."""
    participant_id: str = Field(foreign_key="participant.id", max_length=36)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RoomPoll(SQLModel, table=True):
    """One poll of RealtimeKit that is to be made in one room, until its pass has made it."""

    __tablename__: ClassVar[Any] = "room_poll"
    __table_args__: ClassVar[Any] = (Index("ix_room_poll_room_id", "room_id"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    room_id: str = Field(foreign_key="room.id", max_length=36)
    question: str
    options: list[str] = Field(sa_type=Json)
    anonymous: bool = False
    hide_votes: bool = False
    is_asked: bool = False
    """Whether the call that makes it may be on its way, or may have been made."""
