"""Authentication before the body is read: API keys with roles, tokens of hosts, and client tokens under /v1/seat.

What of an operator's path a host may use, and which meetings exist for a caller, is decided by the door of each route.
"""

from dataclasses import replace

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.callers import Caller, Callers
from orchestrator.api.problems import of_user_error
from orchestrator.api.sessions import ConsoleSessions, cookie_of
from orchestrator.api.wrong_tries import WrongTries
from orchestrator.errors import Forbidden, TooMany, Unauthenticated, UserError, WrongCredentials
from schemas.problems import ProblemCode

SEAT_PATH = "/v1/seat"
WEBHOOKS_PREFIX = "/v1/webhooks/"
"""RealtimeKit signs these bodies; the route checks the signature when it has read the body."""
SCOPE_BROWSER = "breakouts.browser"
"""The key of the browser's verified `ClientToken` in an ASGI scope."""
SCOPE_CALLER = "breakouts.caller"
"""The key of the `Caller` of an operator's path in an ASGI scope."""
LOOKING = ("GET", "HEAD", "OPTIONS")
"""The methods that a viewer's key may use."""
WRONG_MOST, WRONG_WITHIN_SECONDS = 600, 60.0
"""How many wrong keys and tokens an address may send, and in what time, before they are refused unseen."""


class Gate:
    """Middleware that lets a request pass, or answers 401, 403 or 429 itself."""

    def __init__(self, app: ASGIApp, callers: Callers, sessions: ConsoleSessions) -> None:
        self._app = app
        self._callers = callers
        self._sessions = sessions
        self._wrong = WrongTries(WRONG_MOST, WRONG_WITHIN_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            try:
                await self._check(scope)
            except UserError as error:
                await of_user_error(self._slowed(scope, error))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _check(self, scope: Scope) -> None:
        path: str = scope["path"]
        if path == SEAT_PATH or path.startswith(SEAT_PATH + "/"):
            scope[SCOPE_BROWSER] = await self._callers.browser(_bearer(scope))
        elif (path == "/v1" or path.startswith("/v1/")) and not path.startswith(WEBHOOKS_PREFIX):
            scope[SCOPE_CALLER] = caller = await self._caller(scope)
            if caller.is_viewer and scope["method"] not in LOOKING:
                raise Forbidden("a viewer's key may only look (GET)")

    async def _caller(self, scope: Scope) -> Caller:
        if (hashed := await self._sessions.key_of(scope)) is not None:
            return replace(await self._callers.of_key(hashed), session=cookie_of(scope))
        return await self._callers.caller(_bearer(scope), scope["path"])

    def _slowed(self, scope: Scope, error: UserError) -> UserError:
        """Return what is answered: of an address with too many wrong credentials, that instead of 401."""
        if not isinstance(error, WrongCredentials):
            return error
        wait = self._wrong.add(scope["client"][0] if scope.get("client") else "")
        return TooMany("too many wrong keys from this address: try again later", wait) if wait else error


def _bearer(scope: Scope) -> bytes:
    """Return what follows `Authorization: Bearer`. Raises Unauthenticated for a missing or a repeated header."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, credentials = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
    if scheme.lower() != b"bearer" or not credentials.strip():
        raise Unauthenticated("send Authorization: Bearer <key>", ProblemCode.MISSING_CREDENTIALS)
    return bytes(credentials.strip())
