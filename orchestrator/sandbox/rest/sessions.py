"""Sessions over REST: the active one of a meeting with its kicks, all of them, and their peers."""

from typing import Any

from orchestrator.sandbox.rest.bodies import KickBody, MuteAllBody, PollBody
from orchestrator.sandbox.rest.calls import Call
from orchestrator.sandbox.rest.responses import Response, ok
from orchestrator.sandbox.world import live, recorder
from orchestrator.sandbox.world.state import Participant, Peer, Recording, Session, World, new_id, now
from orchestrator.sandbox.world.values import JSON, Refusal, iso


def active(world: World, call: Call) -> Response:
    """GET active-session: 404 when nobody is there."""
    return ok(show(world, live.active_session(world, world.meeting(call.params["meeting_id"]))))


def kick(world: World, call: Call) -> Response:
    """POST active-session/kick: by ids of participants, never of peers; a switch decides about absent people."""
    session = live.active_session(world, world.meeting(call.params["meeting_id"]))
    body = call.parse(KickBody)
    peers = _addressed(session, body)
    there = {peer.participant.custom_participant_id for peer in peers}
    if world.config.switches.kick_absent == "not_found" and not there.issuperset(body.custom_participant_ids):
        raise Refusal(404, "Participant not found")
    live.kick(world, peers)
    return ok({"action": "kicked", "participants": _people(peers)})


def kick_all(world: World, call: Call) -> Response:
    """POST active-session/kick-all: a switch decides whether the session ends at once."""
    meeting, switches = world.meeting(call.params["meeting_id"]), world.config.switches
    session = meeting.session
    if not session or not (session.live or switches.lingering_session_is_active):
        if switches.kick_all_when_empty == "not_found":
            raise Refusal(404, "No active session found")
        return ok({"action": "kick_all", "kicked_participants_count": 0})
    if switches.kick_all_ends_session == "at_once":
        gone = live.end_session(world, session, "HOST_ENDED_MEETING")
    else:
        gone = live.kick(world, list(session.live.values()), "ended")
    return ok({"action": "kick_all", "kicked_participants_count": gone})


def mute(world: World, call: Call) -> Response:
    """POST active-session/mute: has no effect here."""
    session = live.active_session(world, world.meeting(call.params["meeting_id"]))
    return ok({"action": "muted", "participants": _people(_addressed(session, call.parse(KickBody)))})


def mute_all(world: World, call: Call) -> Response:
    """POST active-session/mute-all: has no effect here."""
    session = live.active_session(world, world.meeting(call.params["meeting_id"]))
    call.parse(MuteAllBody)
    return ok({"action": "mute_all", "muted_participants_count": len(session.live)})


def create_poll(world: World, call: Call) -> Response:
    """POST active-session/poll: 201; only people in real pages vote."""
    session = live.active_session(world, world.meeting(call.params["meeting_id"]))
    body = call.parse(PollBody)
    options = [{"text": text, "count": 0, "votes": list[str]()} for text in body.options]
    poll = {"id": new_id(), "question": body.question, "options": options, "anonymous": body.anonymous}
    poll |= {"hide_votes": body.hide_votes, "created_by": world.organization_id, "voted": list[str]()}
    session.polls.append(poll)
    if world.witness:
        world.witness.polled(session, poll)
    return ok({"action": "poll_created", "poll": poll}, 201)


def find(world: World, call: Call) -> Response:
    """GET /sessions, newest first unless sorted otherwise."""
    since = now() - world.config.switches.sessions_lag_seconds
    shown = (session for session in reversed(world.sessions.values()) if session.started_at <= since)
    found = [session for session in shown if _wanted(call, session)]
    if call.one_of("sort_by", "minutesConsumed", "createdAt") == "minutesConsumed":
        found.sort(key=_minutes, reverse=True)
    if call.one_of("sort_order", "ASC", "DESC") == "ASC":
        found.reverse()
    chosen, besides = call.page(found, world.config)
    data = {"sessions": [show(world, session) for session in chosen]}
    return Response(200, {"success": True, "data": data, **besides})


def get(world: World, call: Call) -> Response:
    """GET /sessions/{id}: without breakout rooms, as for all meetings that were made through REST."""
    call.flag("include_breakout_rooms")
    return ok(show(world, _session(world, call)))


def find_participants(world: World, call: Call) -> Response:
    """GET /sessions/{id}/participants: one row per peer, or per participant with view=consolidated."""
    session = _session(world, call)
    search = (call.first("search") or "").lower()
    switches = world.config.switches
    since = now() - switches.sessions_lag_seconds
    shown = {peer.shown_id: peer for peer in session.peers.values() if peer.joined_at <= since}
    rows = [show_peer(peer) for peer in shown.values() if search in _searchable(peer.participant)]
    if switches.recorder_is_counted:
        rows += [_show_recorder(recording) for recording in recorder.of_session(session)]
    if (call.one_of("view", "raw", "consolidated") or switches.peers_view) == "consolidated":
        rows = _consolidated(rows)
    if call.one_of("sort_by", "joinedAt", "duration") == "duration":
        rows.sort(key=lambda row: row["duration"])
    if call.one_of("sort_order", "ASC", "DESC") == "DESC":
        rows.reverse()
    return ok({"participants": call.page(rows, world.config)[0]})


def get_participant(world: World, call: Call) -> Response:
    """GET /sessions/{id}/participants/{id}: a peer by its id, or the latest one of a participant."""
    wanted = call.params["participant_id"]
    for peer in reversed(_session(world, call).peers.values()):
        if wanted in {peer.shown_id, peer.participant.id}:
            return ok({"participant": show_peer(peer)})
    raise Refusal(404, "Participant not found")


def get_peer(world: World, call: Call) -> Response:
    """GET /sessions/peer-report/{peer_id}: with an empty report."""
    wanted = call.params["peer_id"]
    if peer := next((it for it in reversed(world.peers.values()) if it.shown_id == wanted), None):
        more: JSON = {"session_id": peer.session.id, "role": peer.participant.preset.name, "peer_report": {}}
        return ok({"participant": show_peer(peer) | more})
    raise Refusal(404, "Peer not found")


def show(world: World, session: Session) -> JSON:
    """Return the session as REST shows it."""
    shown: JSON = {
        "id": session.id,
        "associated_id": session.meeting.id,
        "meeting_display_name": session.meeting.title or "",
        "organization_id": world.organization_id,
        "type": "meeting",
        "status": "LIVE" if session.ended_at is None else "ENDED",
        "live_participants": len(session.live) + _recorders(world, session),
        "max_concurrent_participants": session.max_live_peers,
        "minutes_consumed": _minutes(session),
        "created_at": iso(session.started_at),
        "started_at": iso(session.started_at),
        "updated_at": iso(session.ended_at or session.started_at),
        "breakout_rooms": [],
    }
    return shown if session.ended_at is None else shown | {"ended_at": iso(session.ended_at)}


def show_peer(peer: Peer) -> JSON:
    """Return a peer as REST shows it: `user_id` is the participant's id, `duration` is in minutes."""
    participant = peer.participant
    shown: JSON = {
        "id": peer.shown_id,
        "user_id": participant.id,
        "custom_participant_id": participant.custom_participant_id,
        "display_name": participant.name or "",
        "preset_name": participant.preset.name,
        "joined_at": iso(peer.joined_at),
        "duration": _peer_minutes(peer),
        "created_at": iso(peer.joined_at),
        "updated_at": iso(peer.left_at or peer.joined_at),
        "peer_events": [],
    }
    return shown if peer.left_at is None else shown | {"left_at": iso(peer.left_at)}


def _recorders(world: World, session: Session) -> int:
    if not world.config.switches.recorder_is_counted:
        return 0
    return sum(recording.running for recording in recorder.of_session(session))


def _show_recorder(recording: Recording) -> JSON:
    shown: JSON = {
        "id": recording.bot_peer_id,
        "user_id": recording.bot_peer_id,
        "custom_participant_id": f"recorder-{recording.id}",
        "display_name": "Recorder",
        "preset_name": "recorder",
        "joined_at": iso(recording.invoked_at),
        "duration": 0.0,
        "created_at": iso(recording.invoked_at),
        "updated_at": iso(recording.invoked_at),
        "peer_events": [],
    }
    return shown if recording.stopped_at is None else shown | {"left_at": iso(recording.stopped_at)}


def _session(world: World, call: Call) -> Session:
    if found := world.sessions.get(call.params["session_id"]):
        return found
    raise Refusal(404, "Session not found")


def _wanted(call: Call, session: Session) -> bool:
    status = call.one_of("status", "LIVE", "ENDED")
    since, until = call.moment("start_time"), call.moment("end_time")
    search, associated = (call.first("search") or "").lower(), call.first("associated_id")
    low, _, high = (call.first("participants") or "").partition(":")
    if not (low + high).isdecimal() and low + high:
        raise Refusal(400, "participants: must be a range like 1:10")
    return (
        (status is None or (status == "LIVE") == (session.ended_at is None))
        and (associated is None or session.meeting.id == associated)
        and (since is None or session.started_at >= since)
        and (until is None or session.started_at <= until)
        and search in f"{session.meeting.title}\n{session.meeting.id}\n{session.id}".lower()
        and (not low or session.max_live_peers >= int(low))
        and (not high or session.max_live_peers <= int(high))
    )


def _addressed(session: Session, body: KickBody) -> list[Peer]:
    ids, custom = set(body.participant_ids), set(body.custom_participant_ids)
    if not ids and not custom:
        raise Refusal(400, "custom_participant_ids or participant_ids is needed")
    return [
        peer
        for peer in session.live.values()
        if peer.participant.id in ids or peer.participant.custom_participant_id in custom
    ]


def _people(peers: list[Peer]) -> list[JSON]:
    return [
        {
            "id": each.id,
            "name": each.name,
            "picture": each.picture,
            "created_at": iso(each.created_at),
            "updated_at": iso(each.updated_at),
        }
        for each in {peer.participant.id: peer.participant for peer in peers}.values()
    ]


def _peer_minutes(peer: Peer) -> float:
    return round(((peer.left_at or now()) - peer.joined_at) / 60, 4)


def _minutes(session: Session) -> float:
    return round(sum(_peer_minutes(peer) for peer in session.peers.values()), 4)


def _searchable(participant: Participant) -> str:
    return f"{participant.id}\n{participant.custom_participant_id}\n{participant.name}".lower()


def _consolidated(rows: list[dict[str, Any]]) -> list[JSON]:
    people: dict[str, JSON] = {}
    for row in rows:
        first = people.setdefault(row["user_id"], row | {"duration": 0.0})
        first["duration"] = round(first["duration"] + row["duration"], 4)
        if "left_at" in row:
            first["left_at"] = row["left_at"]
        else:
            first.pop("left_at", None)
    return list(people.values())
