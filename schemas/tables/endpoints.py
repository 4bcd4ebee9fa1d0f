"""Endpoints of callers, and what is to be delivered there. The log has what is said; nothing here repeats it."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from schemas.columns import Json, UtcDateTime, new_id, state_column
from schemas.states import DeliveryState
from schemas.tables.rows import Due, due_index, when

IS_NOT_DELIVERED = f"state <> {DeliveryState.DELIVERED.value!r}"
"""The condition of the index on deliveries that wait, or that were given up."""
IS_IN_LINE = "in_line"
"""The condition of the index on pending deliveries of which the next one waits for the one before."""
IS_AT_ONCE = "at_once"
"""The condition of the index on deliveries that wait for no other."""


class Outbox(Due, table=True):
    """A breakout whose log has grown beyond what endpoints were told, as one row to work on."""

    __table_args__: ClassVar[Any] = (due_index("outbox"),)

    id: str = Field(primary_key=True, foreign_key="breakout.id", ondelete="CASCADE", max_length=36)


class Endpoint(Due, table=True):
    """Where a caller's system hears what happens. Its task delivers what is to be delivered there."""

    __table_args__: ClassVar[Any] = (due_index("endpoint"), Index("ix_endpoint_meeting_id", "meeting_id"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    url: str = Field(max_length=2000)
    events: list[str] | None = Field(default=None, sa_type=Json)
    """The types of events that it hears; null: all."""
    meeting_id: str | None = Field(default=None, foreign_key="meeting.id", ondelete="CASCADE", max_length=36)
    """The meeting that it hears of; null: all that its owner may see."""
    tenant: str | None = Field(default=None, max_length=100)
    """To whom it belongs, of whose meetings alone it hears; null: to none, and it hears of all."""
    secret: str
    """The secret that signs, encrypted."""
    old_secrets: list[dict[str, str]] = Field(default_factory=list, sa_type=Json)
    """Secrets before it, encrypted (`secret`), with the time until which they sign too (`until`)."""
    disabled: bool = False
    deaf: list[list[str | None]] = Field(default_factory=list, sa_type=Json)
    """The times at which it was disabled and enabled again (null: not yet). What happened between is not sent."""
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first delivery failed since the last that was delivered; null while all is well."""
    settles_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it looks for what was written while it began to hear, of which nobody has told it; null: it has looked."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    """What happened before is not sent."""


class EndpointCursor(SQLModel, table=True):
    """How far the log of one breakout has been read for one endpoint."""

    __tablename__: ClassVar[Any] = "endpoint_cursor"
    __table_args__: ClassVar[Any] = (
        Index("ix_endpoint_cursor_ready_at", "endpoint_id", "ready_at", **when("ready_at IS NOT NULL")),
        Index("ix_endpoint_cursor_breakout_id", "breakout_id"),
    )

    endpoint_id: str = Field(primary_key=True, foreign_key="endpoint.id", ondelete="CASCADE", max_length=36)
    breakout_id: str = Field(primary_key=True, foreign_key="breakout.id", ondelete="CASCADE", max_length=36)
    number: int | None = None
    """The last event that was read; null: none yet."""
    ready_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the line of this breakout goes on; null while there is nothing to send."""


class Delivery(SQLModel, table=True):
    """That one event is to be delivered to one endpoint, or was. Its id is the `webhook-id`."""

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("breakout_id", "endpoint_id", "number"),
        Index("ix_delivery_endpoint_id", "endpoint_id", "id"),
        Index("ix_delivery_in_line", "endpoint_id", "breakout_id", "number", **when(IS_IN_LINE)),
        Index("ix_delivery_at_once", "endpoint_id", "next_attempt_at", **when(IS_AT_ONCE)),
        Index("ix_delivery_not_delivered", "state", **when(IS_NOT_DELIVERED)),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    endpoint_id: str = Field(foreign_key="endpoint.id", ondelete="CASCADE", max_length=36)
    breakout_id: str | None = Field(default=None, foreign_key="breakout.id", ondelete="CASCADE", max_length=36)
    """Null for a ping."""
    number: int | None = None
    """The event's number in the breakout's log; null for a ping."""
    actor: str | None = Field(default=None, max_length=220)
    """Who has asked for a ping; null for an event, whose actor is in the log."""
    type: str = Field(max_length=40)
    state: DeliveryState = Field(default=DeliveryState.PENDING, sa_type=state_column(DeliveryState))
    in_line: bool = False
    """Whether it is pending and the next one of its breakout waits for it."""
    at_once: bool = False
    """Whether it is pending and waits for no other: a ping, or one that an operator has sent again."""
    attempts: int = 0
    attempts_in_round: int = 0
    """Those since an operator last had it sent again."""
    last_status: int | None = None
    """The status of the last answer; null when nobody answered, and before the first attempt."""
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
