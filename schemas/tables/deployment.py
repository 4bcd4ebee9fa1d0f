"""What belongs to the deployment as a whole: its identity, its sweep, its keys."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from schemas.columns import UtcDateTime, new_id, state_column
from schemas.states import (
    KeyRole,
)
from schemas.tables.rows import Due, due_index, when


class Deployment(SQLModel, table=True):
    """What this deployment is known by. The migration inserts its one row."""

    id: str = Field(primary_key=True, max_length=36)
    install: str = Field(max_length=8)
    """Eight random hex digits: they mark what is ours at RealtimeKit and in Redis."""


class Sweep(Due, table=True):
    """The search for meetings at RealtimeKit that nobody needs any more, as one row to work on."""

    __table_args__: ClassVar[Any] = (due_index("sweep"),)

    id: str = Field(primary_key=True, max_length=36)
    page: int = 1
    """The page of RealtimeKit's list of meetings where the search goes on."""
    recordings_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a poll last asked which recordings run at RealtimeKit."""


ORPHANS = "orphans"
"""The id of the one row of Sweep, which the migration inserts."""


class ApiKey(SQLModel, table=True):
    """A key of an operator or a viewer. The key itself was shown once and is stored nowhere."""

    __table_args__: ClassVar[Any] = (Index("uq_api_key_name", "name", unique=True, **when("revoked_at IS NULL")),)
    __tablename__: ClassVar[Any] = "api_key"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    name: str = Field(max_length=100)
    role: KeyRole = Field(sa_type=state_column(KeyRole))
    tenant: str | None = Field(default=None, max_length=100)
    """Whose meetings it sees and makes; null: it sees all."""
    key_hash: str = Field(unique=True, max_length=64)
    """SHA-256 of the key, in hex. A key is long and random, so no slower hash is needed."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was last used, to a minute or so."""


class IdempotencyKey(SQLModel, table=True):
    """A request with an Idempotency-Key, and its answer once there is one; kept for 24 hours.

    Work on our own tables commits this row together with its answer. Work at RealtimeKit commits it first, pending.
    """

    __table_args__: ClassVar[Any] = (Index("ix_idempotency_key_created_at", "created_at"),)
    __tablename__: ClassVar[Any] = "idempotency_key"

    id: str = Field(primary_key=True, max_length=64)
    """SHA-256 over caller, path and key."""
    body_hash: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    status: int | None = None
    """The HTTP status of the answer; null while pending."""
    answer: str | None = None
    """The answer's body, encrypted if it holds a token."""
    version: int | None = None
    """The version of the breakout or the meeting that the answer shows."""
    mark: str | None = Field(default=None, max_length=40)
    """The end of the title of the meeting that a pending request may have made."""
    holder: str | None = Field(default=None, max_length=36)
    """The id of the request that works on it now, made for this row alone."""
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The holder begins no call that could last beyond this."""
    in_doubt_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When an earlier request may have made the meeting without our knowing, at the latest."""
