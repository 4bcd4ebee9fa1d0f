"""Authentication before the body is read: API keys with roles, and client tokens under /v1/seat only."""

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.api_keys import ApiKeys
from orchestrator.api.problems import of_user_error
from orchestrator.api.sessions import ConsoleSessions
from orchestrator.api.tokens import ClientToken, ClientTokens
from orchestrator.errors import Forbidden, Unauthenticated, UserError
from orchestrator.services.access.api_keys import key_hash
from schemas.events import ActorKind
from schemas.problems import ProblemCode
from schemas.states import KeyRole

SEAT_PATH = "/v1/seat"
WEBHOOKS_PREFIX = "/v1/webhooks/"
"""RealtimeKit signs these bodies; the route checks the signature when it has read the body."""
SCOPE_BROWSER = "breakouts.browser"
"""The key of the browser's verified `ClientToken` in an ASGI scope."""
SCOPE_CALLER = "breakouts.caller"
"""The key of the caller in an ASGI scope: the hash of an API key, or the id of a participant."""

SCOPE_ACTOR = "breakouts.actor"
"""The key of the caller in an ASGI scope, as it stands in logs of breakouts."""


class Gate:
    """Middleware that lets a request pass, or answers 401 or 403 itself."""

    def __init__(self, app: ASGIApp, keys: ApiKeys, tokens: ClientTokens, sessions: ConsoleSessions) -> None:
        self._app = app
        self._sessions = sessions
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
        if path == SEAT_PATH or path.startswith(SEAT_PATH + "/"):
            token = self._client_token(_bearer(scope))
            scope[SCOPE_BROWSER], scope[SCOPE_CALLER] = token, token.participant_id
        elif (path == "/v1" or path.startswith("/v1/")) and not path.startswith(WEBHOOKS_PREFIX):
            scope[SCOPE_CALLER] = hashed = await self._sessions.key_of(scope) or key_hash(_bearer(scope))
            scope[SCOPE_ACTOR] = await self._check_key(hashed, scope["method"])

    def _client_token(self, bearer: bytes) -> ClientToken:
        return self._tokens.verify(bearer.decode("latin-1"))

    async def _check_key(self, hashed: str, method: str) -> str:
        """Return the name by which a key stands in logs."""
        key = await self._keys.find(hashed)
        if key is None:
            raise Unauthenticated("unknown API key")
        if key.role is KeyRole.VIEWER and method not in ("GET", "HEAD"):
            raise Forbidden("a viewer's key may only look (GET)")
        return ActorKind.KEY.named(key.name)


def _bearer(scope: Scope) -> bytes:
    """Return what follows `Authorization: Bearer`. Raises Unauthenticated for a missing or a repeated header."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, credentials = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
    if scheme.lower() != b"bearer" or not credentials.strip():
        raise Unauthenticated("send Authorization: Bearer <key>", ProblemCode.MISSING_CREDENTIALS)
    return bytes(credentials.strip())
