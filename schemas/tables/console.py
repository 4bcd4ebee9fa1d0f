"""Who is signed in at the host's console."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from schemas.columns import UtcDateTime


class ConsoleSession(SQLModel, table=True):
    """A browser that was signed in with an API key. Signing out deletes the row."""

    __table_args__: ClassVar[Any] = (Index("ix_console_session_expires_at", "expires_at"),)
    __tablename__: ClassVar[Any] = "console_session"

    id: str = Field(primary_key=True, max_length=64)
    """SHA-256 of the random id in the cookie, in hex."""
    key_hash: str = Field(max_length=64)
    """SHA-256 of the API key, which may stand in the database or in API_KEYS: the session counts as this key does."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
