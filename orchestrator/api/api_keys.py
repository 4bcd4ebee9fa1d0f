"""The API keys by their hashes: those of `API_KEYS` and those in the database, also those that have ended."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import NotNow
from orchestrator.log import logger
from orchestrator.services.access.api_keys import NAME_CHARACTERS, NOTED_EVERY, Credential, key_hash
from schemas.problems import ProblemCode
from schemas.states import KeyRole

log = logger(__name__)

KNOWN_KEY_MAX_AGE_SECONDS = 0.2
"""How old the stored keys may be for a key among them, so how long a revoked key stays valid."""
UNKNOWN_KEY_MAX_AGE_SECONDS = 0.25
"""How old the stored keys may be for a key not among them, so how long a new key may be unknown."""

NOTED_SECONDS = NOTED_EVERY.total_seconds()

Credentials = Mapping[str, Credential]
"""What is known of keys, by the hash of the key."""


def bootstrap_keys(text: str) -> Credentials:
    """Parse `API_KEYS`. Raises ValueError for an entry that is not `name:role:key`."""
    return dict(_parse(entry) for entry in text.split(",") if entry.strip())


def _parse(entry: str) -> tuple[str, Credential]:
    name, _, rest = entry.strip().partition(":")
    role, _, key = rest.partition(":")
    if not 1 <= len(name) <= NAME_CHARACTERS or not key or role not in set(KeyRole):
        raise ValueError("API_KEYS wants name:role:key, comma-separated, where role is operator or viewer")
    return key_hash(key.encode()), Credential(name, KeyRole(role))


class StoredKeys:
    """The keys of the database, all in memory because they are few.

    However many unknown keys a stranger tries, one thread reads the database, at most four times a second.
    """

    def __init__(self, read: Callable[[], Credentials], write_use: Callable[[str], None]) -> None:
        self._read = read
        self._write_use = write_use
        self._noted: dict[str, float] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="api-keys")
        self._lock = asyncio.Lock()
        self._known: Credentials | None = None
        self._read_at = float("-inf")

    async def find(self, hashed: str) -> Credential | None:
        """Return what is known of a key, or None for an unknown key. Raises NotNow while the database can't be read."""
        known = hashed in (self._known or {})
        await self._refresh_if_older(KNOWN_KEY_MAX_AGE_SECONDS if known else UNKNOWN_KEY_MAX_AGE_SECONDS)
        if self._known is None:
            raise NotNow(
                "the database is not available, so API keys can't be looked up", 1.0, ProblemCode.DATABASE_UNAVAILABLE
            )
        return self._known.get(hashed)

    def note_use(self, hashed: str) -> None:
        """Have the use of a key stored, if it is one of the database and that was not done a moment ago."""
        now = time.monotonic()
        if hashed in (self._known or {}) and now - self._noted.get(hashed, float("-inf")) >= NOTED_SECONDS:
            self._noted[hashed] = now
            self._thread.submit(self._store_use, hashed)

    def _store_use(self, hashed: str) -> None:
        try:
            self._write_use(hashed)
        except SQLAlchemyError as error:
            log.warning("the use of an API key was not stored", error=type(error).__name__)

    async def _refresh_if_older(self, seconds: float) -> None:
        asked_at = time.monotonic()
        async with self._lock:
            if asked_at - self._read_at < seconds:
                return
            read_at = time.monotonic()
            try:
                self._known = await asyncio.get_running_loop().run_in_executor(self._thread, self._read)
            except SQLAlchemyError as error:
                self._known = None  # the last known roles are too old to admit anybody
                log.warning("API keys can't be looked up", error=type(error).__name__)
            self._read_at = read_at


class ApiKeys:
    """All API keys."""

    def __init__(self, bootstrap: Credentials, stored: StoredKeys) -> None:
        self._bootstrap = bootstrap
        self._stored = stored

    async def find(self, hashed: str) -> Credential | None:
        """Return what is known of a key, or None if it is unknown. Raises NotNow without the database."""
        return self._bootstrap.get(hashed) or await self._stored.find(hashed)

    def note_use(self, hashed: str) -> None:
        """Have the use of a key stored, about once a minute."""
        self._stored.note_use(hashed)
