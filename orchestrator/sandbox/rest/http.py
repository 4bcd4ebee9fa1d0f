"""The little of HTTP that the sandbox needs on top of ASGI."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from orchestrator.sandbox.world.answers import Answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def respond(send: Send, answer: Answer) -> None:
    """Send an answer; bytes as they are (their headers say what they are), all else as JSON."""
    raw = isinstance(answer.body, bytes)
    body = answer.body if raw else json.dumps(answer.body, separators=(",", ":")).encode()
    headers = [(b"content-length", str(len(body)).encode()), *answer.headers]
    if not raw:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> str:
    """A request header, or nothing."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


@dataclass(frozen=True, slots=True)
class Connection:
    """The wire of one request, for faults that play with it."""

    scope: Scope
    receive: Receive

    async def silence(self, seconds: float) -> None:
        """Say nothing for so long, or until the client has hung up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass

    async def reset(self) -> None:
        """Cut it without an answer (RST, not FIN); needs `server.serve`, which hands us the transport."""
        transport: asyncio.Transport | None = self.scope.get("state", {}).get("transport")
        if transport is None:
            raise RuntimeError("only the sandbox's own server can reset connections")
        if not transport.is_closing():
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        await self.silence(1)  # until the server has noticed too: it answers 500 for who ends without an answer
