"""What pages say about their cameras and microphones. Nobody's are ever seen, but everybody knows whose are on."""

from orchestrator.sandbox.edge import media_messages as messages
from orchestrator.sandbox.edge.events import Media
from orchestrator.sandbox.edge.page import Handlers, Page
from orchestrator.sandbox.edge.protobuf import Message, Values
from orchestrator.sandbox.edge.sdp import PeerConnection
from orchestrator.sandbox.world.state import Peer, new_id
from orchestrator.sandbox.world.values import Refusal

MAX_STREAMS = 25
"""How many others a page sees at a time; those who send something go before those who don't."""
FIRST = 1
ANSWER, OFFER = "answer", "offer"


def participant(peer: Peer) -> Values:
    """Write a peer with what it sends."""
    sent = list(peer.producers.values())
    shown: Values = {"peer_id": peer.shown_id, "producer_states": sent, "display_name": peer.participant.name or ""}
    return shown | {"user_id": peer.participant.id}


def _join(_page: Page, _payload: bytes) -> bytes:
    return b""


def _create_transport(page: Page, payload: bytes) -> bytes:
    asked = messages.TRANSPORT_REQUEST.decode(payload)
    transport_id, connection = page.hub.connect(page)
    page.connections[transport_id] = connection
    answered = connection.answer(asked["description"]["sdp"])
    return messages.TRANSPORT.encode({"transport_id": transport_id, "description": _description(ANSWER, answered)})


def _joined(page: Page, _payload: bytes) -> bytes:
    peer, meeting = _peer(page), page.participant.meeting
    page.hears_media = True
    state = {"display_title": meeting.title or "", "room_uuid": peer.session.id, "room_name": meeting.id}
    live = sorted(peer.session.live.values(), key=lambda other: not _sends(other))
    others = [participant(other) for other in live if other is not peer]
    names = [other["peer_id"] for other in others]
    return messages.JOINED.encode(
        {
            "room_state": state | {"current_peer_id": peer.shown_id},
            "participants": others,
            "selected_peers": {"audio_peers": names[:MAX_STREAMS], "compulsory_peers": list[str]()},
            "max_preferred_streams": MAX_STREAMS,
        }
    )


def _leave(page: Page, _payload: bytes) -> bytes:
    page.leave()
    return messages.LEFT.encode({"closed": True})


def _produce(page: Page, payload: bytes) -> bytes:
    peer, asked = _peer(page), messages.PRODUCE_REQUEST.decode(payload)
    connection = _connection(page, asked.get("producing_transport_id"))
    answered = connection.answer(asked["description"]["sdp"])
    producer: Values = {
        "producer_id": new_id(),
        "kind": messages.AUDIO if asked.get("kind") == "audio" else messages.VIDEO,
        "pause": asked.get("paused", False),
        "screen_share": asked.get("screen_share", False),
        "app_data": asked.get("app_data"),
        "producing_transport_id": asked.get("producing_transport_id"),
        "mime_type": asked.get("mime_type"),
    }
    peer.producers[producer["producer_id"]] = producer
    _tell(page, Media.PRODUCER_CREATED, messages.PRODUCER_CREATED, producer)
    _select(page, producer)
    made = {"status": True, "producer_id": producer["producer_id"], "description": _description(ANSWER, answered)}
    return messages.PRODUCE.encode(made)


def _toggle(page: Page, payload: bytes) -> bytes:
    asked = messages.TOGGLE_REQUEST.decode(payload)
    if producer := _peer(page).producers.get(asked.get("producer_id", "")):
        producer["pause"] = asked.get("pause", False)
        _tell(page, Media.PRODUCER_TOGGLED, messages.PRODUCER_TOGGLED, producer)
        _select(page, producer)
    return b""


def _close(page: Page, payload: bytes) -> bytes:
    asked = messages.CLOSE_REQUEST.decode(payload)
    connection = _connection(page, asked.get("producing_transport_id"))
    if page.peer and (producer := page.peer.producers.pop(asked.get("producer_id", ""), None)):
        _tell(page, Media.PRODUCER_CLOSED, messages.PRODUCER_CLOSED, producer)
    answered = connection.answer(asked["description"]["sdp"])
    return messages.CLOSE.encode({"description": _description(ANSWER, answered)})


def _consume(page: Page, payload: bytes) -> bytes:
    asked = messages.CONSUME_REQUEST.decode(payload)
    connection = _connection(page, asked.get("consuming_transport_id"))
    sent = {key: each for peer in _peer(page).session.live.values() for key, each in peer.producers.items()}
    wanted = [each.get("producer_id", "") for each in asked.get("requests", ())]
    gone = {each: {"error_code": "not_found"} for each in wanted if each not in sent}
    there = [sent[each] for each in wanted if each in sent]
    offered, mids = connection.offer([(_word(each), f"stream-{each['producer_id']}") for each in there])
    made = {each["producer_id"]: _consumer(each, mid) for each, mid in zip(there, mids, strict=True)}
    answer: Values = {"status": True, "consumer_ids_map": {"map": made | gone}}
    return messages.CONSUME.encode(answer | ({"description": _description(OFFER, offered)} if there else {}))


def _consumer(producer: Values, mid: str) -> Values:
    """Write what a page receives of a producer; the client finds the track by the number of its section."""
    track = {"track_id": f"track-{mid}", "producer_id": producer["producer_id"], "stream_id": mid}
    return {"consumer_id": new_id(), "producer_state": producer, "producer_track": track}


def _renegotiate(_page: Page, payload: bytes) -> bytes:
    asked = messages.RENEGOTIATE_REQUEST.decode(payload)
    return messages.RENEGOTIATE.encode({"transport_id": asked.get("transport_id")})


def _unconsume(page: Page, payload: bytes) -> bytes:
    asked = messages.UNCONSUME_REQUEST.decode(payload)
    answered = _connection(page, asked.get("consuming_transport_id")).answer(asked["description"]["sdp"])
    return messages.UNCONSUME.encode({"description": _description(ANSWER, answered)})


def _rename(page: Page, payload: bytes) -> bytes:
    asked = messages.RENAME.decode(payload)
    for other in page.hub.others(page):
        other.say(Media.RENAMED, messages.RENAMED, asked)
    return b"\x0a\x07success"


def _tell(page: Page, event: Media, message: Message, producer: Values) -> None:
    told = {"participant_id": _peer(page).shown_id, "producer_state": producer}
    for other in page.hub.others(page):
        if other.hears_media:
            other.say(event, message, told)


def _select(page: Page, producer: Values) -> None:
    """Bring who sends something into everybody's view, where not all have a place in it."""
    peer = _peer(page)
    if producer["pause"] or len(peer.session.live) <= MAX_STREAMS:
        return
    for other in page.hub.others(page):
        if other.hears_media:
            other.say(Media.SELECTED, messages.SELECTED, {"entries": [{"peer_id": peer.shown_id, "priority": FIRST}]})


def _sends(peer: Peer) -> bool:
    return any(not producer["pause"] for producer in peer.producers.values())


def _word(producer: Values) -> str:
    return "audio" if producer["kind"] == messages.AUDIO else "video"


def _description(kind: str, sdp: str) -> Values:
    return {"type": kind, "sdp": sdp}


def _peer(page: Page) -> Peer:
    if page.peer is None:
        raise Refusal(403, "not in the meeting")
    return page.peer


def _connection(page: Page, transport_id: str | None) -> PeerConnection:
    if found := page.connections.get(transport_id or ""):
        return found
    raise Refusal(404, "unknown transport")


HANDLERS: Handlers = {
    Media.JOIN: _join,
    Media.TRANSPORT: _create_transport,
    Media.JOINED: _joined,
    Media.LEAVE: _leave,
    Media.PRODUCE: _produce,
    Media.TOGGLE_PRODUCER: _toggle,
    Media.CLOSE_PRODUCER: _close,
    Media.CONSUME: _consume,
    Media.RENEGOTIATE: _renegotiate,
    Media.CLOSE_CONSUMER: _unconsume,
    Media.RENAME: _rename,
}
