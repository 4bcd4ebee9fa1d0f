"""Finding out who is in the main meeting without being registered here, and importing those who can be."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import ParticipantRecord
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.breakout.watching import seconds_between_calls
from orchestrator.services.people import presence
from orchestrator.services.people.stays import Stay
from orchestrator.store.queries import participant_ids
from schemas.tables import Meeting, UnregisteredPeer

MOST_OTHER_CALLS = 6
"""Presets, each preset of the newcomers, the session and its people: about so many calls besides the records."""


@dataclass(frozen=True)
class Newcomer:
    """A connection whose person is to be found."""

    row_id: str
    peer_id: str
    custom_participant_id: str


def newcomers(session: Session, meeting: Meeting, now: datetime) -> list[Newcomer]:
    """Return the connections that nobody has asked about yet; none while the pause after the last question lasts."""
    if meeting.newcomers_from is not None and now < meeting.newcomers_from:
        return []
    columns = col(UnregisteredPeer.id), col(UnregisteredPeer.peer_id), col(UnregisteredPeer.custom_participant_id)
    waiting = col(UnregisteredPeer.meeting_id) == meeting.id, col(UnregisteredPeer.looked_for_at).is_(None)
    return [Newcomer(*row) for row in session.execute(select(*columns).where(*waiting))]


def seen(asked: Sequence[Newcomer], records: Sequence[ParticipantRecord]) -> list[ParticipantRecord]:
    """Return the records of these people. Others who were only admitted are left alone."""
    names = {newcomer.custom_participant_id for newcomer in asked} - {""}
    return [record for record in records if record.custom_participant_id in names]


async def record_ids(kit: RealtimeKit, meeting_id: str, asked: Sequence[Newcomer]) -> dict[str, str]:
    """Return the id of the record behind each present connection, if somebody among these has no id of their own."""
    if all(newcomer.custom_participant_id for newcomer in asked):
        return {}
    session = await kit.active_session(meeting_id, priority=Priority.POLLING)
    peers = await kit.session_peers(session.id, priority=Priority.POLLING) if session else []
    return {peer.peer_id: peer.participant_id for peer in peers if peer.participant_id}


async def host_presets(kit: RealtimeKit, records: Sequence[ParticipantRecord]) -> set[str]:
    """Return which presets of these people make a host: those that may alter connected meetings."""
    names = {record.preset_name for record in records}
    if not names:
        return set()
    presets = [preset for preset in await kit.presets(priority=Priority.POLLING) if preset.name in names]
    whole = [await kit.preset(preset.id, priority=Priority.POLLING) for preset in presets]
    return {preset.name for preset in whole if preset.is_host}


def settle(
    m: MeetingScope,
    asked: Sequence[Newcomer],
    records: Sequence[ParticipantRecord],
    connections: Mapping[str, str],
    asked_at: datetime,
) -> None:
    """Bring these connections to their end. Call it when their people are imported.

    1. The connections of people who are registered now are stays like all others.
    2. One whose person has a record without an id of their own is kept, and shown while they are there.
    3. One without a record is asked about once more a little later, because lists may lag. Then it is a bot's.
    """
    rows = _rows(m, [newcomer.row_id for newcomer in asked])
    ids = participant_ids(m.tx.session, m.meeting_id, {row.custom_participant_id for row in rows})
    found = {row.id: _stay(row, ids[name]) for row in rows if (name := row.custom_participant_id) in ids}
    presence.apply(m, list(found.values()))
    known = {record.id: record for record in records}
    young = asked_at - timedelta(seconds=m.deps.settings.search_settle_seconds)
    for row in rows:
        record = known.get(connections.get(row.peer_id, ""))
        if row.id in found or (row.left_at is not None and row.joined_at < young):
            m.tx.session.delete(row)
        elif record is not None or row.joined_at < young:
            row.looked_for_at = m.now
            if record is not None:
                row.realtimekit_participant_id, row.name = record.id, record.name or row.name
    m.tx.session.flush()


def pause(m: MeetingScope, meeting: Meeting, records: int) -> None:
    """Put the next question off, so that people who come one by one do not use up the quota.

    A question takes a call for each hundred people whom the meeting admits. The pause is so long that these calls take
    no more than polling's share.
    """
    calls = MOST_OTHER_CALLS + records / 100
    seconds = max(m.deps.settings.search_settle_seconds, calls * seconds_between_calls(m.deps))
    meeting.newcomers_from = m.now + timedelta(seconds=seconds)


def next_question(m: MeetingScope, meeting: Meeting) -> datetime | None:
    """Return when to ask about connections that wait for it; None without any."""
    waiting = col(UnregisteredPeer.meeting_id) == meeting.id, col(UnregisteredPeer.looked_for_at).is_(None)
    if m.tx.session.scalar(select(col(UnregisteredPeer.id)).where(*waiting).limit(1)) is None:
        return None
    return max(m.now, meeting.newcomers_from or m.now)


def _rows(m: MeetingScope, row_ids: Collection[str]) -> Sequence[UnregisteredPeer]:
    statement = select(UnregisteredPeer).where(col(UnregisteredPeer.id).in_(row_ids))
    return m.tx.session.scalars(statement.order_by(col(UnregisteredPeer.joined_at))).all()


def _stay(row: UnregisteredPeer, participant_id: str) -> Stay:
    return Stay(participant_id, None, row.peer_id, row.session_id, row.joined_at, row.left_at)
