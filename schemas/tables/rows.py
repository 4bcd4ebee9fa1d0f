"""What the tables have in common: names of constraints, partial indexes, and the columns of rows that are due."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, MetaData, text
from sqlmodel import Field, SQLModel

from schemas.columns import UtcDateTime

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
).naming_convention


def when(condition: str) -> dict[str, Any]:
    """Return the condition of a partial index, for either database."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


def due_index(table: str) -> Index:
    """Return the index by which a timekeeper finds the due rows of a table."""
    return Index(f"ix_{table}_due_at", "due_at", "dispatches", **when("due_at IS NOT NULL"))


class Due(SQLModel):
    """The columns of the protocol of a row (orchestrator/store/due.py)."""

    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the row must be looked at next; while it is held, when its lease ends."""
    claim: int = 0
    """Raised by every start: the number that a message carries, and the fence of every write that follows."""
    holder: str | None = Field(default=None, max_length=120)
    """The process that works on the row now."""
    generation: int = 0
    """Raised by every change of what is wanted."""
    tries: int = 0
    """Passes begun since the last recorded progress."""
    trying_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first of these passes began."""
    progressed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When progress was last recorded. Another room that fails meanwhile fails for reasons of its own."""
    dispatches: int = 0
    """Messages sent since the last start."""


class Paced(SQLModel):
    """The column of a `Due` row that rests after its work, so that what is wanted meanwhile is done together."""

    rests_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until then the row is not dispatched, and what is wanted makes it due at this time."""
