"""Connections in the main meeting of people who are not registered here, kept until it is known who they are.

Webhooks name neither a person's record nor their preset. So the connection is stored, and the meeting's task asks
RealtimeKit for the records: once for all of them, however many came. Who has a record and a `custom_participant_id` is
imported. Who has a record without one is shown in `unregistered_present`. Recorders and other bots have no record.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlmodel import col

from orchestrator.realtimekit.webhooks import ParticipantJoined, ParticipantLeft
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.store import due
from orchestrator.store.database import insert_into
from schemas.fields import LONGEST_NAME
from schemas.tables import Meeting, UnregisteredPeer


def note_events(m: MeetingScope, events: Sequence[ParticipantJoined | ParticipantLeft]) -> None:
    """Store what webhooks say about unknown people in the main meeting, in whatever order they came."""
    left = {event.peer_id: event.left_at or m.now for event in events if isinstance(event, ParticipantLeft)}
    known = _forget(m, left)
    note(m, [_peer(m, event, left.get(event.peer_id)) for event in events if event.peer_id not in known])


def note(m: MeetingScope, peers: Sequence[UnregisteredPeer]) -> None:
    """Store connections in one statement, and have the meeting's task ask who they are. Of known ones, note the end."""
    rows = {peer.peer_id: peer.model_dump() for peer in peers if len(peer.custom_participant_id) <= LONGEST_NAME}
    if not rows:
        return
    statement = insert_into(m.tx.session, UnregisteredPeer)
    ends = statement.on_conflict_do_update(
        index_elements=["meeting_id", "peer_id"],
        set_={"left_at": statement.excluded.left_at},
        where=statement.excluded.left_at.is_not(None),
    )
    m.tx.session.execute(ends, [rows[peer_id] for peer_id in sorted(rows)])
    due.want(m.tx, Meeting, [m.meeting_id])


def not_stored(m: MeetingScope, peers: Sequence[UnregisteredPeer]) -> list[UnregisteredPeer]:
    """Return those of these connections that are not stored yet, so that each is asked about once."""
    if not peers:
        return []
    stored = select(col(UnregisteredPeer.peer_id)).where(col(UnregisteredPeer.meeting_id) == m.meeting_id)
    known = set(m.tx.session.scalars(stored))
    return [peer for peer in peers if peer.peer_id not in known]


def _forget(m: MeetingScope, peer_ids: Collection[str]) -> set[str]:
    """Forget connections that have ended, except of people who have yet to be imported. Returns those forgotten."""
    ended = (
        col(UnregisteredPeer.meeting_id) == m.meeting_id,
        col(UnregisteredPeer.peer_id).in_(list(peer_ids)),
        col(UnregisteredPeer.looked_for_at).is_not(None),
    )
    if not peer_ids:
        return set()
    statement = delete(UnregisteredPeer).where(*ended).returning(col(UnregisteredPeer.peer_id))
    return set(m.tx.session.scalars(statement))


def forget_until(m: MeetingScope, ended_at: datetime) -> None:
    """Forget everybody who had come by then, because that session of the main meeting ended. News of it may be late."""
    mine = col(UnregisteredPeer.meeting_id) == m.meeting_id, col(UnregisteredPeer.looked_for_at).is_not(None)
    m.tx.session.execute(delete(UnregisteredPeer).where(*mine, col(UnregisteredPeer.joined_at) <= ended_at))


def forget_others(m: MeetingScope, present: Collection[str], before: datetime) -> None:
    """Forget connections that a poll of the main meeting does not show, unless they are younger than `before`.

    People with an id of their own who have yet to be imported are kept.
    """
    statement = select(UnregisteredPeer).where(
        col(UnregisteredPeer.meeting_id) == m.meeting_id,
        col(UnregisteredPeer.joined_at) < before,
        or_(col(UnregisteredPeer.looked_for_at).is_not(None), col(UnregisteredPeer.custom_participant_id) == ""),
    )
    for peer in m.tx.session.scalars(statement).all():
        if peer.peer_id not in present:
            m.tx.session.delete(peer)


def _peer(m: MeetingScope, event: ParticipantJoined | ParticipantLeft, left_at: datetime | None) -> UnregisteredPeer:
    return UnregisteredPeer(
        meeting_id=m.meeting_id,
        peer_id=event.peer_id,
        session_id=event.session_id,
        custom_participant_id=event.custom_participant_id,
        name=event.display_name or "" if isinstance(event, ParticipantJoined) else "",
        joined_at=event.joined_at or left_at or m.now,
        left_at=left_at,
    )
