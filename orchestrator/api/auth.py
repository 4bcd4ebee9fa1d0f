"""Who may do a thing, decided before the body is read: API keys with roles, client tokens under /v1/seat alone."""

import hashlib
import hmac
from enum import StrEnum

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.problems import of_user_error
from orchestrator.api.tokens import ClientTokens, Person
from orchestrator.errors import Forbidden, Unauthenticated, UserError

SEAT = "/v1/seat"
WEBHOOKS = "/v1/webhooks/"
"""Signed by RealtimeKit, and checked where the body is read."""
PERSON = "breakouts.person"
"""Where the person of a client token stands in an ASGI scope."""


class KeyRole(StrEnum):
    """What an API key is good for: everything, or looking."""

    OPERATOR = "operator"
    VIEWER = "viewer"


class ApiKeys:
    """The keys of `API_KEYS`; only their hashes are kept."""

    def __init__(self, text: str) -> None:
        self._roles = dict(_parse(entry) for entry in text.split(",") if entry.strip())

    def role(self, key: bytes) -> KeyRole | None:
        """The role of a key; takes as long for an unknown key as for a known one."""
        digest, found = _digest(key), None
        for known, role in self._roles.items():
            if hmac.compare_digest(known, digest):
                found = role
        return found


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _parse(entry: str) -> tuple[bytes, KeyRole]:
    name, _, rest = entry.strip().partition(":")
    role, _, key = rest.partition(":")
    if not name or not key or role not in set(KeyRole):
        raise ValueError("API_KEYS wants name:role:key, comma-separated, where role is operator or viewer")
    return _digest(key.encode()), KeyRole(role)


class Gate:
    """Lets a request pass, or answers 401 or 403 itself."""

    def __init__(self, app: ASGIApp, keys: ApiKeys, tokens: ClientTokens) -> None:
        self._app = app
        self._keys = keys
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except UserError as error:
                await of_user_error(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        path: str = scope["path"]
        if path == SEAT or path.startswith(SEAT + "/"):
            scope[PERSON] = self._person(_bearer(scope))
        elif (path == "/v1" or path.startswith("/v1/")) and not path.startswith(WEBHOOKS):
            self._check_key(_bearer(scope), scope["method"])

    def _person(self, token: bytes) -> Person:
        return self._tokens.person(token.decode("latin-1"))

    def _check_key(self, key: bytes, method: str) -> None:
        role = self._keys.role(key)
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
