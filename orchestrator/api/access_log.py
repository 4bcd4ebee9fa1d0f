"""The outermost middleware: it gives every request an id, counts it and writes its log line.

The response carries the id too. A log line names a request by its route, not by its path, because paths contain the
callers' own ids of people.
"""

import logging
import re
import time
from dataclasses import dataclass, field

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator import metrics
from orchestrator.log import about, begin, logger
from schemas.columns import new_id

log = logger(__name__)

SCOPE_REQUEST_ID = "breakouts.request_id"
"""The key of the request id in an ASGI scope."""
REQUEST_ID_HEADER = "X-Request-ID"
VALID_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,100}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"
"""The label of requests that reach no route: unknown paths, refused credentials, preflights."""
PROBE_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Monitoring calls these every few seconds, so they are logged at DEBUG."""
LOGGED_PATH_PARAMETERS = ("meeting_id", "breakout_id", "room_id")
OUR_ID = re.compile(r"[0-9a-f-]{36}")


@dataclass
class Outcome:
    """When a request began, and the response it has got so far."""

    began_at: float = field(default_factory=time.monotonic)
    responded_at: float | None = None
    status: int = 500
    """500 until a response starts, because a request that fails before is answered 500 outside of this middleware."""


class AccessLog:
    """Middleware that counts and logs every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, outcome = _request_id(scope), Outcome()
        scope[SCOPE_REQUEST_ID] = request_id
        begin(request_id=request_id, method=_method(scope))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome.responded_at, outcome.status = time.monotonic(), message["status"]
                id_header = (REQUEST_ID_HEADER.lower().encode(), request_id.encode())
                message["headers"] = [*message.get("headers", ()), id_header]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _record(scope, outcome)


async def name_route(request: Request) -> None:
    """Add the route, and our ids in its path, to the log lines of a request (a dependency of every endpoint)."""
    about(route=_route(request.scope), **_our_ids(request.scope))


def _record(scope: Scope, outcome: Outcome) -> None:
    now = time.monotonic()
    method, route = _method(scope), _route(scope)
    metrics.HTTP_REQUESTS.labels(method, route, outcome.status).inc()
    metrics.HTTP_SECONDS.labels(method, route).observe((outcome.responded_at or now) - outcome.began_at)
    level = logging.DEBUG if route in PROBE_ROUTES else logging.INFO
    log.log(level, "request done", route=route, status=outcome.status, seconds=round(now - outcome.began_at, 4))


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or NO_ROUTE


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else "other"


def _our_ids(scope: Scope) -> dict[str, str]:
    found = scope.get("path_params", {})
    return {name: found[name] for name in LOGGED_PATH_PARAMETERS if OUR_ID.fullmatch(found.get(name, ""))}


def _request_id(scope: Scope) -> str:
    """Return the caller's request id if it is safe to log, else a new one."""
    given = [value for name, value in scope["headers"] if name == REQUEST_ID_HEADER.lower().encode()]
    return given[0].decode() if len(given) == 1 and VALID_REQUEST_ID.fullmatch(given[0]) else new_id()
