"""Sessions of the host's console: a cookie stands for an API key until it expires or its browser signs out.

They are in the database, by the hash of what the cookie holds, so that every API process knows them.
"""

import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlmodel import col

from orchestrator.services.access.api_keys import key_hash
from orchestrator.store.database import Database, statement_time
from schemas.tables import ConsoleSession

RANDOM_BYTES = 32
LIFETIME = timedelta(hours=12)


def begin(database: Database, hashed_key: str) -> str:
    """Store a session of the key with this hash, and return its id, which can't be read again.

    Sessions that have expired are deleted on the way.
    """
    session_id = secrets.token_urlsafe(RANDOM_BYTES)
    with database.transaction() as tx:
        now = tx.now()
        tx.session.execute(delete(ConsoleSession).where(col(ConsoleSession.expires_at) <= now))
        tx.session.add(
            ConsoleSession(
                id=key_hash(session_id.encode()), key_hash=hashed_key, created_at=now, expires_at=now + LIFETIME
            )
        )
    return session_id


def key_of(database: Database, session_id: bytes) -> str | None:
    """Return the hash of the key that a session counts as, or None when it is unknown, has expired or was ended."""
    with database.glancing() as session:
        is_living = col(ConsoleSession.expires_at) > statement_time(session)
        wanted = select(col(ConsoleSession.key_hash)).where(col(ConsoleSession.id) == key_hash(session_id), is_living)
        return session.scalar(wanted)


def end(database: Database, session_id: bytes) -> None:
    """End a session, in every API process at once. One that is unknown stays so."""
    with database.transaction() as tx:
        tx.session.execute(delete(ConsoleSession).where(col(ConsoleSession.id) == key_hash(session_id)))
