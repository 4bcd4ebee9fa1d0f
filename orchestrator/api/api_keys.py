"""The API keys that are valid now, by their hashes: those of `API_KEYS` and those in the database."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import NotNow
from orchestrator.log import logger
from orchestrator.services.access.api_keys import NAME_CHARACTERS, Credential, key_hash
from schemas.problems import ProblemCode
from schemas.states import KeyRole

log = logger(__name__)

KNOWN_KEY_MAX_AGE_SECONDS = 1.0
"""How old the stored keys may be for a key among them, so how long a revoked key stays valid."""
UNKNOWN_KEY_MAX_AGE_SECONDS = 0.25
"""How old the stored keys may be for a key not among them, so how long a new key may be unknown."""

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
    """The valid keys of the database, all in memory because they are few.

    However many unknown keys a stranger tries, one thread reads the database, at most four times a second.
    """

    def __init__(self, read: Callable[[], Credentials]) -> None:
        self._read = read
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
    """All API keys that are valid now."""

    def __init__(self, bootstrap: Credentials, stored: StoredKeys) -> None:
        self._bootstrap = bootstrap
        self._stored = stored

    async def find(self, hashed: str) -> Credential | None:
        """Return what is known of a key, or None if it is unknown or revoked. Raises NotNow without the database."""
        return self._bootstrap.get(hashed) or await self._stored.find(hashed)

    async def invalid(self, hashes: Collection[str]) -> set[str]:
        """Return the keys among `hashes` that are no longer valid; none while the database can't be read."""
        try:
            return {hashed for hashed in hashes if await self.find(hashed) is None}
        except NotNow:
            return set()
