"""Parent meetings, and what is said about them from outside."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from schemas.columns import Json, UtcDateTime, new_id, state_column
from schemas.states import (
    FactSource,
)
from schemas.tables.rows import Due, Paced, due_index, when


class Meeting(Due, table=True):
    """A parent meeting at RealtimeKit. Its task imports participants, makes their tokens and polls who is where."""

    __table_args__: ClassVar[Any] = (due_index("meeting"), Index("ix_meeting_key", "key"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    title: str
    realtimekit_meeting_id: str = Field(unique=True, max_length=64)
    key: str | None = Field(default=None, max_length=40)
    """The end of its title, if it was made under an Idempotency-Key. Other meetings with this end are surplus."""
    tenant: str | None = Field(default=None, max_length=100)
    """To whom it belongs; null: to none, and only keys without a tenant see it."""
    host_preset: str
    participant_preset: str
    room_host_preset: str | None = None
    """The preset of hosts in rooms; null: as in the main meeting."""
    room_participant_preset: str | None = None
    ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """By when every seat points to main."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1
    """The count of operators' changes."""
    changed_at: dict[str, int] = Field(default_factory=dict, sa_type=Json)
    """The version that each field of M got its present value with, where operators have changed it."""
    breakouts: int = 0
    """How many breakouts were planned in it; the last one's number."""
    to_import: bool = False
    """Whether it was adopted and its participants at RealtimeKit have yet to be imported."""
    poll_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it is polled next who is where; only set while a breakout is live."""
    polled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a poll last showed who is in it."""
    strangers: int = 0
    """How many more RealtimeKit counted there then than were ours."""
    newcomers_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Not before then is RealtimeKit asked again who its unregistered people are."""
    look_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When RealtimeKit is asked next whether it and its rooms' meetings are ACTIVE."""
    inactive_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a look first showed that it is not ACTIVE; null while it is, as far as we know."""
    webhook_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the last webhook about this meeting or one of its rooms was applied."""


class PresetRights(SQLModel, table=True):
    """What a preset at RealtimeKit lets people do by themselves, as it was read last."""

    __tablename__: ClassVar[Any] = "preset_rights"

    name: str = Field(primary_key=True)
    may_switch: bool = False
    """Whether they may go to another room."""
    may_return: bool = False
    """Whether they may go to the main meeting."""
    read_at: datetime = Field(sa_type=UtcDateTime)


class Inbox(Due, Paced, table=True):
    """The waiting facts of one parent meeting, as one row to work on."""

    __table_args__: ClassVar[Any] = (due_index("inbox"),)

    id: str = Field(primary_key=True, foreign_key="meeting.id", max_length=36)


class Fact(SQLModel, table=True):
    """What somebody outside has said, stored before it is applied: a webhook of RealtimeKit, or a browser's ack.

    A fact whose id is there already is a repetition. An ack is deleted when it is applied; a webhook stays.
    """

    __table_args__: ClassVar[Any] = (Index("ix_fact_waiting", "inbox_id", "received_at", **when("applied_at IS NULL")),)

    id: str = Field(primary_key=True, max_length=100)
    """The `rtk-uuid` of a webhook, which a repeated delivery has again. An ack gets an id of ours."""
    inbox_id: str = Field(foreign_key="inbox.id", max_length=36)
    source: FactSource = Field(sa_type=state_column(FactSource))
    payload: str
    """The JSON of the webhook as it was signed, or of the ack (`orchestrator.services.people.acks`)."""
    received_at: datetime = Field(sa_type=UtcDateTime)
    applied_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
