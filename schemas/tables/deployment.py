"""What belongs to the deployment as a whole: its identity, its sweep, its keys."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from schemas.columns import Json, UtcDateTime, new_id, state_column
from schemas.states import (
    KeyRole,
)
from schemas.tables.rows import Due, due_index, when


class Deployment(SQLModel, table=True):
    """What this deployment is known by. The migration inserts its one row."""

    id: str = Field(primary_key=True, max_length=36)
    install: str = Field(max_length=8)
    """Eight random hex digits: they mark what is ours at RealtimeKit and in Redis."""
    hash_key: str = Field(max_length=64)
    """The key of the hashes by which people are remembered who have left for good."""


class Sweep(Due, table=True):
    """A search for what nobody needs any more, at RealtimeKit or here, as one row to work on."""

    __table_args__: ClassVar[Any] = (due_index("sweep"),)

    id: str = Field(primary_key=True, max_length=36)
    page: int = 1
    """The page of RealtimeKit's list of meetings where the search goes on."""
    recordings_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a poll last asked which recordings run at RealtimeKit."""


ORPHANS, OLD_NAMES = "orphans", "old names"
"""The ids of the two rows of Sweep, which the migration inserts: what each of them looks for."""


class Leftover(Due, table=True):
    """What is still to be removed of a person who has left for good, or of a deleted meeting, whose id it has."""

    __table_args__: ClassVar[Any] = (due_index("leftover"),)

    id: str = Field(primary_key=True, max_length=36)
    meeting_id: str = Field(max_length=36)
    person: str | None = Field(default=None, max_length=40)
    """The name that stands for the person once they are erased, by which their records are known again."""
    places: list[str] = Field(default_factory=list, sa_type=Json)
    """RealtimeKit's meetings in which they may be although no row of ours says so."""
    rooms: list[list[str | None]] = Field(default_factory=list, sa_type=Json)
    """Of a deleted meeting: key, RealtimeKit's meeting, and since when that is in doubt, of each room to retire."""
    words: str | None = None
    """What is to be erased of the person in rows that still have it, encrypted; null when that is done."""
    until: datetime = Field(sa_type=UtcDateTime)
    """Until then calls that had begun before may have made something more."""


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
    about: str | None = Field(default=None, max_length=36)
    """The id of the breakout or the meeting in the request's path; null without one."""
    mark: str | None = Field(default=None, max_length=40)
    """The end of the title of the meeting that a pending request may have made."""
    holder: str | None = Field(default=None, max_length=36)
    """The id of the request that works on it now, made for this row alone."""
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The holder begins no call that could last beyond this."""
    in_doubt_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When an earlier request may have made the meeting without our knowing, at the latest."""
