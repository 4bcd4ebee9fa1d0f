"""Who may do a thing, decided before the body is read: API keys with roles, client tokens under /v1/seat alone."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.problems import of_user_error
from orchestrator.api.tokens import ClientTokens, Person
from orchestrator.errors import Forbidden, NotNow, Unauthenticated, UserError
from orchestrator.log import logger
from orchestrator.services.access.api_keys import key_hash
from schemas.states import KeyRole

log = logger(__name__)

SEAT = "/v1/seat"
WEBHOOKS = "/v1/webhooks/"
"""Signed by RealtimeKit, and checked where the body is read."""
PERSON = "breakouts.person"
"""Where the person of a client token stands in an ASGI scope."""
CALLER = "breakouts.caller"
"""Where it says who asks: an API key's hash, or a person's id."""

TRUSTED_SECONDS = 1.0
"""A key that was revoked is still good for so long."""
LOOK_PAUSE_SECONDS = 0.25
"""Unknown keys make us look again no sooner than this; a key that is new can be unknown for as long."""

Roles = Mapping[str, KeyRole]
"""By the hash of the key."""


def bootstrap_keys(text: str) -> Roles:
    """The keys of `API_KEYS`. Raises ValueError for what can't be meant."""
    return dict(_parse(entry) for entry in text.split(",") if entry.strip())


def _parse(entry: str) -> tuple[str, KeyRole]:
    name, _, rest = entry.strip().partition(":")
    role, _, key = rest.partition(":")
    if not name or not key or role not in set(KeyRole):
        raise ValueError("API_KEYS wants name:role:key, comma-separated, where role is operator or viewer")
    return key_hash(key.encode()), KeyRole(role)


class StoredKeys:
    """The living keys of the database, all of them in memory: they are few.

    However many unknown keys a stranger tries, the database is looked at four times a second at most, by one thread.
    """

    def __init__(self, look: Callable[[], Roles]) -> None:
        self._look = look
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="api-keys")
        self._turn = asyncio.Lock()
        self._found: Roles | None = None
        self._looked_at = float("-inf")

    async def role(self, hashed: str) -> KeyRole | None:
        """The role of a key; raises NotNow when the database can't tell."""
        known = hashed in (self._found or {})
        await self._be_younger_than(TRUSTED_SECONDS if known else LOOK_PAUSE_SECONDS)
        if self._found is None:
            raise NotNow("the database is not available, so API keys can't be looked up", retry_after=1.0)
        return self._found.get(hashed)

    async def _be_younger_than(self, seconds: float) -> None:
        asked_at = time.monotonic()
        async with self._turn:
            if asked_at - self._looked_at < seconds:
                return
            looked_at = time.monotonic()
            try:
                self._found = await asyncio.get_running_loop().run_in_executor(self._thread, self._look)
            except SQLAlchemyError as error:
                self._found = None  # what was known is too old to let anybody in
                log.warning("API keys can't be looked up", error=type(error).__name__)
            self._looked_at = looked_at


class Keys:
    """All API keys that are good now: those of `API_KEYS`, and the living ones of the database."""

    def __init__(self, bootstrap: Roles, stored: StoredKeys) -> None:
        self._bootstrap = bootstrap
        self._stored = stored

    async def role(self, hashed: str) -> KeyRole | None:
        """The role of a key, None for one that is unknown or revoked; raises NotNow when the database can't tell."""
        return self._bootstrap.get(hashed) or await self._stored.role(hashed)

    async def are_gone(self, hashes: Collection[str]) -> set[str]:
        """Those of these keys that are not good any more; none while the database can't tell."""
        try:
            return {hashed for hashed in hashes if await self.role(hashed) is None}
        except NotNow:
            return set()


class Gate:
    """Lets a request pass, or answers 401 or 403 itself."""

    def __init__(self, app: ASGIApp, keys: Keys, tokens: ClientTokens) -> None:
        self._app = app
        self._keys = keys
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            try:
                await self._check(scope)
            except UserError as error:
                await of_user_error(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _check(self, scope: Scope) -> None:
        path: str = scope["path"]
        if path == SEAT or path.startswith(SEAT + "/"):
            person = self._person(_bearer(scope))
            scope[PERSON], scope[CALLER] = person, person.participant_id
        elif (path == "/v1" or path.startswith("/v1/")) and not path.startswith(WEBHOOKS):
            scope[CALLER] = hashed = key_hash(_bearer(scope))
            await self._check_key(hashed, scope["method"])

    def _person(self, token: bytes) -> Person:
        return self._tokens.person(token.decode("latin-1"))

    async def _check_key(self, hashed: str, method: str) -> None:
        role = await self._keys.role(hashed)
        if role is None:
            raise Unauthenticated("unknown API key")
        if role is KeyRole.VIEWER and method not in ("GET", "HEAD"):
            raise Forbidden("a viewer's key may only look (GET)")


def _bearer(scope: Scope) -> bytes:
    """What follows `Authorization: Bearer`; two such headers are as good as none."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, credentials = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
    if scheme.lower() != b"bearer" or not credentials.strip():
        raise Unauthenticated("send Authorization: Bearer <key>")
    return bytes(credentials.strip())
