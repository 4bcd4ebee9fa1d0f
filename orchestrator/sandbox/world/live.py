"""Joins, leaves and kicks, and when sessions start and end."""

from collections.abc import Iterable
from uuid import NAMESPACE_OID, uuid5

from orchestrator.sandbox.world import payloads, recorder
from orchestrator.sandbox.world.state import Meeting, Participant, Peer, Session, World, new_id, now
from orchestrator.sandbox.world.values import Refusal


def join(world: World, participant: Participant, page_id: str | None = None) -> Peer:
    """Let a participant in, and start the session when there is none; 403 when they may not join.

    `page_id` is the peer id that the client of a real page has made for itself.
    """
    meeting = participant.meeting
    if meeting.status != "ACTIVE":
        raise Refusal(403, "Meeting is inactive")
    if not participant.name and not world.config.switches.nameless_can_join:
        raise Refusal(403, "ERR0002: participants without a name can't join")
    session = meeting.session or start_session(world, meeting)
    if session.end_timer:
        session.end_timer.cancel()
        session.end_timer = None
    peer = Peer(new_id(), participant, session, now())
    peer.in_page, peer.shown_id = page_id is not None, page_id or _shown_id(world, peer)
    world.peers[peer.id] = session.peers[peer.id] = session.live[peer.id] = peer
    session.max_live_peers = max(session.max_live_peers, len(session.live))
    recorder.meeting_filled(meeting, session)
    world.emit(payloads.joined(world, peer))
    if world.witness:
        world.witness.joined(peer)
    return peer


def _shown_id(world: World, peer: Peer) -> str:
    """Return the peer's id, or the one that the person's browser has had in other meetings. Each tab has its own."""
    custom = peer.participant.custom_participant_id
    tabs = [it for it in peer.session.live.values() if it.participant.custom_participant_id == custom]
    return str(uuid5(NAMESPACE_OID, custom)) if world.config.switches.peer_ids_stay and not tabs else peer.id


def start_session(world: World, meeting: Meeting) -> Session:
    """Start a session, and record it if the meeting says `record_on_start`."""
    session = Session(new_id(), meeting, now())
    meeting.session = world.sessions[session.id] = session
    world.emit(payloads.started(world, session))
    if meeting.settings.get("record_on_start") and not recorder.active(meeting):
        recorder.start(world, meeting, session, meeting.settings.get("recording_config") or {}, "RECORD_ON_START")
    return session


def leave(world: World, peer: Peer, because: str = "left") -> bool:
    """Take a peer out of its session; False when it had left before. The last leave starts the keep-alive time."""
    session = peer.session
    if session.live.pop(peer.id, None) is None:
        return False
    peer.left_at, peer.left_because = now(), because
    if because != "left":
        world.add_departure(peer, because)
    world.emit(payloads.left(world, peer))
    if world.witness:
        world.witness.left(peer, because)
    if not session.live and session.ended_at is None:
        recorder.meeting_emptied(world, session.meeting)
        start_keep_alive(world, session)
    return True


def start_keep_alive(world: World, session: Session) -> None:
    """End the empty session after its keep-alive time."""
    seconds = world.config.timings.keep_alive_seconds
    if seconds is None:
        seconds = float(session.meeting.settings["session_keep_alive_time_in_secs"])
    session.end_timer = world.call_later(seconds, end_session, world, session, "ALL_PARTICIPANTS_LEFT")


def end_session(world: World, session: Session, reason: str, because: str = "ended") -> int:
    """End a session now, put everybody out, and return how many peers that were."""
    if session.ended_at is not None:
        return 0
    if session.end_timer:
        session.end_timer.cancel()
    session.ended_at, session.end_reason = now(), reason
    session.meeting.session = None
    gone = kick(world, list(session.live.values()), because)
    recorder.stop_all(world, session.meeting)
    world.emit(payloads.ended(world, session))
    return gone


def kick(world: World, peers: Iterable[Peer], because: str = "kicked") -> int:
    """Put peers out, and return how many of them were in the session."""
    return sum(leave(world, peer, because) for peer in peers)


def active_session(world: World, meeting: Meeting) -> Session:
    """Return the session that active-session calls are about; 404 when nobody is there."""
    session = meeting.session
    if session and (session.live or world.config.switches.lingering_session_is_active):
        return session
    raise Refusal(404, "No active session found")
