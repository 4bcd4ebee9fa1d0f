"""A page's client as far as its socket goes: it asks, and hears what it is told."""

import json
from contextlib import ExitStack
from typing import Any, Self
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from orchestrator.sandbox.edge import messages
from orchestrator.sandbox.edge.events import ERROR, Room
from orchestrator.sandbox.edge.protobuf import Message, Values
from tests.support.sandbox_server import SandboxServer

TIMEOUT_SECONDS = 10


class Refused(Exception):
    """The server has refused what was asked."""


class Page:
    """One socket; `told` is what it has heard besides answers."""

    def __init__(self, sandbox: SandboxServer, token: str, own_id: str | None = None) -> None:
        self.own_id = own_id or str(uuid4())
        query = urlencode({"roomID": "", "peerID": self.own_id, "authToken": token})
        self._open = ExitStack()
        address = f"ws://127.0.0.1:{sandbox.port}/ws?{query}"
        self._socket: ClientConnection = self._open.enter_context(connect(address, proxy=None))
        self.told: list[tuple[int, bytes]] = []

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it as a page does that leaves."""
        self._open.close()

    def ask(self, event: int, payload: bytes = b"") -> bytes:
        """Ask for something, and return the payload of the answer. Raises Refused."""
        request_id = str(uuid4())
        self._socket.send(messages.FRAME.encode({"event": event, "id": request_id, "payload": payload}))
        while True:
            frame = self._next()
            if frame.get("id") != request_id:
                self.told.append((frame.get("event", 0), frame.get("payload", b"")))
            elif frame.get("event", 0) == ERROR:
                raise Refused(messages.ERROR.decode(frame["payload"])["message"])
            else:
                return bytes(frame.get("payload", b""))

    def join(self) -> Values:
        """Join, and return itself as the server shows it."""
        asked = messages.JOIN.encode({"peer": {"peer_id": self.own_id}})
        peer: Values = messages.PEER_INFO.decode(self.ask(Room.JOIN, asked))["peer"]
        return peer

    def send_join(self) -> None:
        """Ask to join without waiting for the answer."""
        self._socket.send(messages.FRAME.encode({"event": Room.JOIN, "id": "join", "payload": b""}))

    def heard(self, event: int, message: Message) -> Values:
        """Wait until it is told of an event, and return what was said."""
        while True:
            for index, (number, payload) in enumerate(self.told):
                if number == event:
                    del self.told[index]
                    return message.decode(payload)
            frame = self._next()
            self.told.append((frame.get("event", 0), frame.get("payload", b"")))

    def ended(self) -> bool:
        """Wait until the connection is cut."""
        try:
            while True:
                self._next()
        except ConnectionClosed:
            return True

    def _next(self) -> Values:
        while isinstance(said := self._socket.recv(TIMEOUT_SECONDS), str):
            continue
        return messages.FRAME.decode(said)


def details(sandbox: SandboxServer, token: str) -> httpx.Response:
    """Ask who the token lets in, as the client does from a page of another origin."""
    headers = {"Authorization": f"Bearer {token}", "Origin": "http://localhost:9000"}
    return httpx.get(f"{sandbox.root}/v2/internals/participant-details", headers=headers)


def shown(answer: httpx.Response) -> dict[str, Any]:
    """Return what an answer is about."""
    found: dict[str, Any] = json.loads(answer.text)["data"]
    return found
