"""One page's socket: frames in, frames out, and who the page is."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.sandbox.edge import messages
from orchestrator.sandbox.edge.events import ERROR
from orchestrator.sandbox.edge.protobuf import Message, Values
from orchestrator.sandbox.edge.sdp import PeerConnection
from orchestrator.sandbox.world import live
from orchestrator.sandbox.world.state import Participant, Peer, Session

if TYPE_CHECKING:
    from orchestrator.sandbox.edge.hub import Hub

CLOSE = object()
PING = "2"


class Page:
    """A page that has opened its socket, and perhaps joined."""

    def __init__(self, hub: "Hub", participant: Participant, own_id: str) -> None:
        self.hub, self.participant = hub, participant
        self.own_id = own_id
        """The id that the client has made for itself; the socket that follows a lost one brings it again."""
        self.peer: Peer | None = None
        self.hears_media = False
        """Whether it has asked for the others' cameras and microphones."""
        self.connections: dict[str, PeerConnection] = {}
        self.outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self.cut: Callable[[], None] = lambda: None
        """Cuts the connection, without a word."""

    @property
    def session(self) -> Session | None:
        """The session that it is in."""
        return self.peer.session if self.peer else None

    def say(self, event: int, message: Message, values: Values) -> None:
        """Tell the page something that it has not asked for."""
        self.outgoing.put_nowait(frame(event, "", message.encode(values)))

    def answer(self, event: int, request_id: str, payload: bytes) -> None:
        """Answer one of its requests."""
        self.outgoing.put_nowait(frame(event, request_id, payload))

    def refuse(self, request_id: str, message: str) -> None:
        """Answer one of its requests with an error."""
        self.answer(ERROR, request_id, messages.ERROR.encode({"code": 403, "message": message}))

    def ping(self) -> None:
        """Let the client know that the connection lives; it closes one that is silent for 30 s."""
        self.outgoing.put_nowait(PING)

    def hang_up(self) -> None:
        """End the connection after what was said."""
        self.outgoing.put_nowait(CLOSE)

    def leave(self) -> None:
        """Take it out of its session; again: nothing."""
        peer, self.peer = self.peer, None
        if peer:
            live.leave(self.hub.world, peer)

    def forget_media(self) -> None:
        """Answer its STUN requests no longer."""
        for connection in self.connections.values():
            self.hub.responder.forget(connection.name)
        self.connections.clear()


Handler = Callable[[Page, bytes], bytes | None]
"""Does what one event asks for, and returns the payload of the answer; None: there is no answer."""
Handlers = Mapping[int, Handler]


def frame(event: int, request_id: str, payload: bytes) -> bytes:
    """Write one frame of the socket."""
    return messages.FRAME.encode({"event": event, "id": request_id, "payload": payload})
