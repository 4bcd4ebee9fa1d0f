"""HTTP on top of ASGI, as far as the sandbox needs it."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from orchestrator.sandbox.rest.responses import Response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def read_body(receive: Receive) -> bytes:
    """Read the whole body of a request."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def respond(send: Send, response: Response) -> None:
    """Send a response; a body of bytes as it is (its headers name the type), any other as JSON."""
    raw = isinstance(response.body, bytes)
    body = response.body if raw else json.dumps(response.body, separators=(",", ":")).encode()
    headers = [(b"content-length", str(len(body)).encode()), *response.headers]
    if not raw:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> str:
    """Return a request header, or an empty text."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection of one request, for faults that stall or cut it."""

    scope: Scope
    receive: Receive

    async def silence(self, seconds: float) -> None:
        """Send nothing for so long, or until the client has hung up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass

    async def reset(self) -> None:
        """Cut the connection without an answer (RST, not FIN); works only under `server`, which keeps the transport."""
        transport: asyncio.Transport | None = self.scope.get("state", {}).get("transport")
        if transport is None:
            raise RuntimeError("only the sandbox's own server can reset connections")
        if not transport.is_closing():
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        await self.silence(1)  # until uvicorn has noticed, because it sends a 500 when the app returns before that
