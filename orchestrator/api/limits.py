"""The limit on the size of a request body."""

from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.problems import problem
from schemas.problems import ProblemCode

MAX_BODY_BYTES = 4 * 1024 * 1024
"""5000 people with attributes fit."""
TOO_LARGE = f"a body may have at most {MAX_BODY_BYTES} bytes"


class BodyLimit:
    """Middleware that answers 413 when the Content-Length, or the body as it arrives, exceeds the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _content_length(scope) > MAX_BODY_BYTES:
            await problem(413, TOO_LARGE, ProblemCode.BODY_TOO_LARGE)(scope, receive, send)
        else:
            await self._app(scope, _limited(receive), send)


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _limited(receive: Receive) -> Receive:
    received_bytes = 0

    async def receive_limited() -> MutableMapping[str, Any]:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > MAX_BODY_BYTES:
            raise HTTPException(413, TOO_LARGE)
        return message

    return receive_limited
