"""Who is in which meeting now: joining, leaving, being kicked, and when a session starts and ends."""

from collections.abc import Iterable

from orchestrator.sandbox.world import payloads, recorder
from orchestrator.sandbox.world.answers import Refusal
from orchestrator.sandbox.world.state import Meeting, Participant, Peer, Session, World, new_id, now


def join(world: World, participant: Participant) -> Peer:
    """Let the bearer of a valid token in; starts the session when it is the first. 403 when they may not."""
    meeting = participant.meeting
    if meeting.status != "ACTIVE":
        raise Refusal(403, "Meeting is inactive")
    if not participant.name and not world.config.switches.nameless_can_join:
        raise Refusal(403, "ERR0002: participants without a name can't join")
    session = meeting.session or start_session(world, meeting)
    if session.ending:
        session.ending.cancel()
        session.ending = None
    peer = Peer(new_id(), participant, session, now())
    world.peers[peer.id] = session.peers[peer.id] = session.live[peer.id] = peer
    session.most = max(session.most, len(session.live))
    recorder.filled(meeting, session)
    world.emit(payloads.joined(world, peer))
    return peer


def start_session(world: World, meeting: Meeting) -> Session:
    """A new session of the meeting, recorded if the meeting says `record_on_start`."""
    session = Session(new_id(), meeting, now())
    meeting.session = world.sessions[session.id] = session
    world.emit(payloads.started(world, session))
    if meeting.settings.get("record_on_start") and not recorder.active(meeting):
        recorder.begin(world, meeting, session, meeting.settings.get("recording_config") or {}, "RECORD_ON_START")
    return session


def leave(world: World, peer: Peer, because: str = "left") -> bool:
    """Take a peer out; False when it had gone already. The last one starts the keep-alive time."""
    session = peer.session
    if session.live.pop(peer.id, None) is None:
        return False
    peer.left_at, peer.left_because = now(), because
    if because != "left":
        world.tell_departed(peer, because)
    world.emit(payloads.left(world, peer))
    if not session.live and session.ended_at is None:
        recorder.emptied(world, session.meeting)
        linger(world, session)
    return True


def _run_out(world: World, session: Session) -> None:
    end_session(world, session, "ALL_PARTICIPANTS_LEFT")


def linger(world: World, session: Session) -> None:
    """End the empty session when its keep-alive time is over."""
    seconds = world.config.timings.keep_alive_seconds
    if seconds is None:
        seconds = float(session.meeting.settings["session_keep_alive_time_in_secs"])
    session.ending = world.later(seconds, _run_out, world, session)


def end_session(world: World, session: Session, reason: str, because: str = "ended") -> int:
    """End it now, whoever is in it; answers how many that were."""
    if session.ended_at is not None:
        return 0
    if session.ending:
        session.ending.cancel()
    session.ended_at, session.reason = now(), reason
    session.meeting.session = None
    gone = kick(world, list(session.live.values()), because)
    recorder.stop_all(world, session.meeting)
    world.emit(payloads.ended(world, session))
    return gone


def kick(world: World, peers: Iterable[Peer], because: str = "kicked") -> int:
    """Put peers out; answers how many were in."""
    return sum(leave(world, peer, because) for peer in peers)


def active_session(world: World, meeting: Meeting) -> Session:
    """The session that active-session calls are about; 404 when nobody is there."""
    session = meeting.session
    if session and (session.live or world.config.switches.lingering_session_is_active):
        return session
    raise Refusal(404, "No active session found")
