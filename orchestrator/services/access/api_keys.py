"""API keys made with `breakouts keys`. Each is shown once, stored as a hash, and revoked for good."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import false, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from orchestrator.errors import Malformed, NameTaken, Unknown
from orchestrator.store.database import Database, statement_time
from schemas.states import KeyRole
from schemas.tables import ApiKey

PREFIX = "bok_"
"""Begins every key, so that people and scanners for leaked secrets recognise it."""
RANDOM_BYTES = 32
NAME_CHARACTERS = 100
NOTED_EVERY = timedelta(minutes=1)
"""How often it is stored at most that a key was used."""


@dataclass(frozen=True)
class Credential:
    """What is known of an API key by its hash."""

    name: str
    role: KeyRole
    tenant: str | None = None
    is_good: bool = True
    """Whether it has neither expired nor was revoked."""


def key_hash(key: bytes) -> str:
    """Return the hash that is stored instead of a key.

    Because keys are looked up by hash, the time of a look-up does not reveal how close a guess was.
    """
    return hashlib.sha256(key).hexdigest()


def create(
    database: Database, name: str, role: KeyRole, *, tenant: str | None = None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Store a new key, and return its row and the key itself, which can't be read again.

    Raises Malformed for a name that is not printable or an end that is past, NameTaken for the name of a key that is
    not revoked.
    """
    _require_name("a key's name", name)
    if tenant is not None:
        _require_name("a tenant's name", tenant)
    key = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    try:
        with database.transaction() as tx:
            now = tx.now()
            if expires_at is not None and expires_at <= now:
                raise Malformed("the time when the key is to expire is past")
            hashed = key_hash(key.encode())
            row = ApiKey(name=name, role=role, tenant=tenant, key_hash=hashed, created_at=now, expires_at=expires_at)
            tx.session.add(row)
    except IntegrityError:
        raise NameTaken(f"there is a key named {name}; revoke it first, or choose another name") from None
    return row, key


def index(database: Database) -> Sequence[ApiKey]:
    """Return all keys, revoked ones too, the oldest first."""
    with database.glancing() as session:
        return session.scalars(select(ApiKey).order_by(col(ApiKey.id))).all()


def revoke(database: Database, name_or_id: str) -> ApiKey:
    """Revoke a key. Every API process refuses it within a second. Raises Unknown when no such key is in force."""
    named = or_(col(ApiKey.id) == name_or_id, col(ApiKey.name) == name_or_id)
    with database.transaction() as tx:
        living = select(ApiKey).where(named, col(ApiKey.revoked_at).is_(None)).order_by(col(ApiKey.name) == name_or_id)
        row = tx.session.scalar(living.with_for_update().limit(1))
        if row is None:
            raise Unknown(f"there is no living key {name_or_id}")
        row.revoked_at = tx.now()
        return row


def by_hash(database: Database) -> dict[str, Credential]:
    """Return every key there ever was, by its hash."""
    with database.glancing() as session:
        expired = col(ApiKey.expires_at) <= statement_time(session)
        has_ended = func.coalesce(expired, false()) | col(ApiKey.revoked_at).is_not(None)
        columns = col(ApiKey.key_hash), col(ApiKey.name), col(ApiKey.role), col(ApiKey.tenant)
        rows = session.execute(select(*columns, has_ended))
        return {hashed: Credential(name, role, tenant, not ended) for hashed, name, role, tenant, ended in rows}


def note_use(database: Database, hashed: str) -> None:
    """Store that a key was used now, unless it was within NOTED_EVERY."""
    with database.transaction() as tx:
        last = col(ApiKey.last_used_at)
        mine = update(ApiKey).where(col(ApiKey.key_hash) == hashed, or_(last.is_(None), last <= tx.after(-NOTED_EVERY)))
        tx.session.execute(mine.values(last_used_at=tx.after(timedelta())))


def _require_name(whose: str, name: str) -> None:
    if not 1 <= len(name) <= NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        raise Malformed(f"{whose} is 1 to {NAME_CHARACTERS} printable characters without blanks around them")
