"""The outermost of all: every request gets an id, which its log lines and its answer carry, is counted, and is told of.

A line names a request by its route, not by its path: callers' own ids of people stand in paths.
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

REQUEST_ID = "breakouts.request_id"
"""Where the id of a request stands in an ASGI scope."""
HEADER = "X-Request-ID"
SANE = re.compile(rb"[A-Za-z0-9._:/+=-]{1,100}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"
"""What did not get as far as a route: unknown paths, refused credentials, preflights."""
WATCHERS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds, and seldom interesting."""
OWN_IDS = ("meeting_id", "breakout_id", "room_id")
OUR_ID = re.compile(r"[0-9a-f-]{36}")


@dataclass
class Seen:
    """What is known of a request so far."""

    begun: float = field(default_factory=time.monotonic)
    answered: float | None = None
    status: int = 500
    """Until an answer begins: what ends without one is answered 500 further out."""


class Access:
    """Sees every request come and go."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, seen = _request_id(scope), Seen()
        scope[REQUEST_ID] = request_id
        begin(request_id=request_id, method=_method(scope))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.answered, seen.status = time.monotonic(), message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER.lower().encode(), request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            _tell(scope, seen)


async def name_route(request: Request) -> None:
    """A dependency of every endpoint: its log lines carry the route, and the ids of ours that stand in the path."""
    about(route=_route(request.scope), **_own_ids(request.scope))


def _tell(scope: Scope, seen: Seen) -> None:
    now = time.monotonic()
    method, route = _method(scope), _route(scope)
    metrics.HTTP_REQUESTS.labels(method, route, seen.status).inc()
    metrics.HTTP_SECONDS.labels(method, route).observe((seen.answered or now) - seen.begun)
    about(route=route)
    level = logging.DEBUG if route in WATCHERS else logging.INFO
    log.log(level, "request done", status=seen.status, seconds=round(now - seen.begun, 4))


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or NO_ROUTE


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else "other"


def _own_ids(scope: Scope) -> dict[str, str]:
    found = scope.get("path_params", {})
    return {name: found[name] for name in OWN_IDS if OUR_ID.fullmatch(found.get(name, ""))}


def _request_id(scope: Scope) -> str:
    """The caller's, if it gave one that may stand in a log."""
    given = [value for name, value in scope["headers"] if name == HEADER.lower().encode()]
    return given[0].decode() if len(given) == 1 and SANE.fullmatch(given[0]) else new_id()
