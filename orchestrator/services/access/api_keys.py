"""API keys made with `breakouts keys`. Each is shown once, stored as a hash, and revoked for good."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from orchestrator.errors import Malformed, NameTaken, Unknown
from orchestrator.store.database import Database
from schemas.states import KeyRole
from schemas.tables import ApiKey

PREFIX = "bok_"
"""Begins every key, so that people and scanners for leaked secrets recognise it."""
RANDOM_BYTES = 32
NAME_CHARACTERS = 100


@dataclass(frozen=True)
class Credential:
    """What is known of an API key by its hash."""

    name: str
    role: KeyRole


def key_hash(key: bytes) -> str:
    """Return the hash that is stored instead of a key.

    Because keys are looked up by hash, the time of a look-up does not reveal how close a guess was.
    """
    return hashlib.sha256(key).hexdigest()


def create(database: Database, name: str, role: KeyRole) -> tuple[ApiKey, str]:
    """Store a new key, and return its row and the key itself, which can't be read again.

    Raises Malformed for a name that is not printable, NameTaken for the name of a key that is not revoked.
    """
    if not 1 <= len(name) <= NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        raise Malformed(f"a key's name is 1 to {NAME_CHARACTERS} printable characters without blanks around them")
    key = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    try:
        with database.transaction() as tx:
            row = ApiKey(name=name, role=role, key_hash=key_hash(key.encode()), created_at=tx.now())
            tx.session.add(row)
    except IntegrityError:
        raise NameTaken(f"there is a key named {name}; revoke it first, or choose another name") from None
    return row, key


def index(database: Database) -> Sequence[ApiKey]:
    """Return all keys, revoked ones too, the oldest first."""
    with database.reading() as session:
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


def living(database: Database) -> dict[str, Credential]:
    """Return every key that is not revoked, by its hash."""
    columns = col(ApiKey.key_hash), col(ApiKey.name), col(ApiKey.role)
    statement = select(*columns).where(col(ApiKey.revoked_at).is_(None))
    with database.reading() as session:
        return {hashed: Credential(name, role) for hashed, name, role in session.execute(statement)}
