"""Who is in the meeting, as its pages hear it."""

from typing import Any

from orchestrator.sandbox.edge import messages
from orchestrator.sandbox.edge.events import Room
from orchestrator.sandbox.edge.page import Handlers, Page
from orchestrator.sandbox.edge.protobuf import Values
from orchestrator.sandbox.world import live, recorder
from orchestrator.sandbox.world.state import Peer, Recording, now
from orchestrator.sandbox.world.values import Refusal

ON_STAGE = 1
EVENTS_OF_STATUS = {
    "RECORDING": Room.RECORDING_STARTED,
    "PAUSED": Room.RECORDING_PAUSED,
    "UPLOADING": Room.RECORDING_STOPPED,
    "ERRORED": Room.RECORDING_STOPPED,
}
LIT = ("RECORDING", "PAUSED")


def show(peer: Peer) -> Values:
    """Write a peer as clients read it; a picture that is null would make their joins fail, so it is left out."""
    participant = peer.participant
    flags = {"preset_name": participant.preset.name, "recorder_type": "NONE", "hidden_participant": False}
    return {
        "peer_id": peer.shown_id,
        "user_id": participant.id,
        "display_name": participant.name or "",
        "stage_type": ON_STAGE,
        "custom_participant_id": participant.custom_participant_id,
        "preset_id": participant.preset.id,
        "display_picture_url": participant.picture,
        "waitlisted": False,
        "flags": flags,
    }


def recording_event(recording: Recording) -> tuple[Room, Values] | None:
    """Return what pages are told of a recording in its present status; None: nothing."""
    event = EVENTS_OF_STATUS.get(recording.status)
    return (event, {"recording_id": recording.id, "recording_type": 0}) if event else None


def _join(page: Page, _payload: bytes) -> bytes:
    page.peer = page.hub.enter(page)
    return messages.PEER_INFO.encode({"peer": show(page.peer)})


def _leave(page: Page, _payload: bytes) -> None:
    page.leave()


def _peers(page: Page, _payload: bytes) -> bytes:
    there = page.session.live.values() if page.session else ()
    return messages.PEERS.encode({"peers": [show(peer) for peer in there]})


def _peer_info(page: Page, payload: bytes) -> bytes:
    wanted = messages.PEER_INFO_REQUEST.decode(payload).get("peer_id")
    return messages.PEER_INFO.encode({"peer": show(_peer(page, wanted))})


def _info(page: Page, _payload: bytes) -> bytes:
    meeting, session = page.participant.meeting, page.session
    active = [
        {"recording_id": each.id, "recording_type": 0, "recording_status": each.status}
        for each in (recorder.of_session(session) if session else ())
        if each.status in LIT
    ]
    room: Values = {"room_id": meeting.id, "title": meeting.title or "", "active_recordings": active}
    room |= {"created_at": int(session.started_at if session else now())}
    room |= {"room_uuid": session.id if session else meeting.id}
    return messages.ROOM_INFO.encode({"room": room})


def _added_participants(page: Page, _payload: bytes) -> bytes:
    people = [
        {"id": each.id, "name": each.name, "picture": each.picture, "custom_participant_id": each.custom_participant_id}
        for each in page.participant.meeting.participants.values()
    ]
    return messages.ADDED_PARTICIPANTS.encode({"participants": people})


def _broadcast(page: Page, payload: bytes) -> bytes:
    said = messages.BROADCAST.decode(payload)
    for other in page.hub.others(page):
        other.say(Room.BROADCAST, messages.BROADCAST, said)
    return b""


def _broadcast_to(page: Page, payload: bytes) -> bytes:
    said = messages.BROADCAST.decode(payload)
    wanted = set(said.get("ids", ()))
    for other in page.hub.others(page):
        if other.own_id in wanted or other.participant.id in wanted or other.participant.preset.name in wanted:
            other.say(Room.BROADCAST_TO, messages.BROADCAST, said)
    return b""


def _kick(page: Page, payload: bytes) -> bytes:
    _check(page, "kick_participant")
    wanted = set(messages.REMOVE.decode(payload).get("peer_ids", ()))
    there = list(page.session.live.values()) if page.session else []
    live.kick(page.hub.world, [peer for peer in there if peer.shown_id in wanted])
    return b""


def _kick_all(page: Page, _payload: bytes) -> bytes:
    _check(page, "kick_participant")
    if page.session:
        live.end_session(page.hub.world, page.session, "HOST_ENDED_MEETING")
    return b""


def _check(page: Page, permission: str) -> None:
    permissions: dict[str, Any] = page.participant.preset.content["permissions"]
    if not permissions.get(permission):
        raise Refusal(403, f"the preset does not allow {permission}")


def _peer(page: Page, wanted: str | None) -> Peer:
    for peer in page.session.live.values() if page.session else ():
        if peer.shown_id == wanted:
            return peer
    raise Refusal(404, "unknown peer")


HANDLERS: Handlers = {
    Room.JOIN: _join,
    Room.LEAVE: _leave,
    Room.PEERS: _peers,
    Room.PEER_INFO: _peer_info,
    Room.INFO: _info,
    Room.ADDED_PARTICIPANTS: _added_participants,
    Room.BROADCAST: _broadcast,
    Room.BROADCAST_TO: _broadcast_to,
    Room.KICK: _kick,
    Room.KICK_ALL: _kick_all,
}
