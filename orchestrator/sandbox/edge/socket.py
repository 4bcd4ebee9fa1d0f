"""The WebSocket of pages, on top of ASGI."""

import asyncio
import contextlib
from collections.abc import Callable
from urllib.parse import parse_qs

from orchestrator.sandbox.edge import breakouts, media, messages, room, talk
from orchestrator.sandbox.edge.events import Room
from orchestrator.sandbox.edge.hub import Hub
from orchestrator.sandbox.edge.page import CLOSE, Handler, Page
from orchestrator.sandbox.edge.protobuf import Malformed
from orchestrator.sandbox.rest.http import Receive, Scope, Send
from orchestrator.sandbox.world.config import Fault, FaultKind
from orchestrator.sandbox.world.tokens import participant_of
from orchestrator.sandbox.world.values import Refusal

HANDLERS: dict[int, Handler] = {**room.HANDLERS, **breakouts.HANDLERS, **media.HANDLERS, **talk.HANDLERS}
PING_SECONDS = 10
SAID_SO = {1000, 1001}
"""How a client that leaves, or a page that is closed, ends its connection. Of a lost one uvicorn says 1005."""
NO_ANSWER = {FaultKind.SILENCE, FaultKind.TIMEOUT_AFTER}
AFTER = {FaultKind.ERROR_AFTER, FaultKind.TIMEOUT_AFTER, FaultKind.RESET_AFTER}
CUT = {FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER}


async def serve(hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection from its first word to its end."""
    await receive()
    page = _page(hub, scope)
    if page is None:
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "websocket.accept"})
    hub.pages.add(page)
    writer = asyncio.create_task(_write(page, send))
    code = 1006
    try:
        code = await _read(page, receive)
    finally:
        writer.cancel()
        hub.gone(page, said_so=code in SAID_SO)
        with contextlib.suppress(asyncio.CancelledError):
            await writer


def _page(hub: Hub, scope: Scope) -> Page | None:
    """Return the page that the address names; None when it must not connect."""
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    try:
        participant = participant_of(hub.world, query.get("authToken", ""))
    except Refusal:
        return None
    page = Page(hub, participant, query.get("peerID", ""))
    page.cut = _cutter(scope)
    refused = hub.faults.pick("edge_socket", lambda: hub.match_text(page))
    return None if refused or hub.is_cut_off(participant.custom_participant_id) else page


def _cutter(scope: Scope) -> Callable[[], None]:
    transport: asyncio.Transport | None = scope.get("state", {}).get("transport")
    return transport.abort if transport else lambda: None


async def _write(page: Page, send: Send) -> None:
    """Send what is in the queue, and a ping now and then."""
    while True:
        try:
            said = await asyncio.wait_for(page.outgoing.get(), PING_SECONDS)
        except TimeoutError:
            page.ping()
            continue
        if said is CLOSE:
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.send", "text" if isinstance(said, str) else "bytes": said})


async def _read(page: Page, receive: Receive) -> int:
    """Take frames until the connection ends; return the code of the end."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return int(message.get("code") or 1006)
        if data := message.get("bytes"):
            await _take(page, data)


async def _take(page: Page, data: bytes) -> None:
    """Do what one frame asks for, unless a fault strikes it."""
    try:
        frame = messages.FRAME.decode(data)
    except Malformed:
        return
    event, request_id, payload = frame.get("event", 0), frame.get("id", ""), frame.get("payload", b"")
    fault = page.hub.faults.pick("edge_join", lambda: page.hub.match_text(page)) if event == Room.JOIN else None
    if fault is None or fault.kind in AFTER:
        _handle(page, event, request_id, payload, silent=fault is not None)
    if fault:
        _spoil(page, fault, request_id)


def _handle(page: Page, event: int, request_id: str, payload: bytes, *, silent: bool) -> None:
    try:
        answer = HANDLERS[event](page, payload) if event in HANDLERS else b""
    except (Refusal, Malformed, KeyError) as error:
        page.refuse(request_id, str(error))
        return
    if answer is not None and not silent:
        page.answer(event, request_id, answer)


def _spoil(page: Page, fault: Fault, request_id: str) -> None:
    if fault.kind in CUT:
        page.cut()
    elif fault.kind not in NO_ANSWER:
        page.refuse(request_id, fault.message)
