"""Comparing the recordings that run here with those that run at RealtimeKit, in all breakouts at once.

One list answers for all rooms, a call for each hundred recordings. So one poll of any meeting asks for it, and the
others do not ask again for a while. A difference makes the recording's own task due, which asks about that recording
alone. Without this, a recording whose webhook is lost would count as running until its room closes.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import CursorResult, or_, select, update
from sqlmodel import Session, col

from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout import hosts_recordings
from orchestrator.services.breakout.locked import locked_if_kept
from orchestrator.services.breakout.watching import webhooks_come_now
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import holds, in_use
from schemas.tables import IS_RECORDED_NOW, ORPHANS, Breakout, Meeting, Recording, Room, Sweep

MOST_ASKED = 60
"""The recordings that one list makes due at most, so that a list which shows nothing does not use up the quota."""
POLLS_BETWEEN = 3
"""How many of the shortest pauses between polls lie between two lists."""


def matters(session: Session, meeting: Meeting, breakout: Breakout | None) -> bool:
    """Return whether a poll of this meeting may ask which recordings run."""
    if breakout is None or breakout.sent_home_at is not None:
        return False
    # of a host's recording RealtimeKit would tell while webhooks come
    return not webhooks_come_now(meeting, breakout) or _is_recorded(session, breakout)


def takes_turn(deps: Deps) -> bool:
    """Return whether nobody has asked for a while, and have the others wait if so."""
    with deps.database.transaction() as tx:
        asked_at = col(Sweep.recordings_asked_at)
        before = tx.after(-timedelta(seconds=POLLS_BETWEEN * deps.settings.sync_seconds))
        mine = update(Sweep).where(col(Sweep.id) == ORPHANS, or_(asked_at.is_(None), asked_at <= before))
        result = tx.session.execute(mine.values(recordings_asked_at=tx.after(timedelta())))
        assert isinstance(result, CursorResult)
        return result.rowcount == 1


def _is_recorded(session: Session, breakout: Breakout) -> bool:
    """Return whether the breakout is to be recorded, or one of its rooms is, or a host records one."""
    is_one = or_(col(Room.record).is_(True), col(Room.recorded_otherwise).is_(True))
    rooms = select(col(Room.id)).where(col(Room.breakout_id) == breakout.id, is_one)
    return breakout.record or session.scalar(rooms.limit(1)) is not None


def compare(deps: Deps, running: Sequence[RecordingRecord]) -> None:
    """See to what differs: recordings that run only here or are paused only there, and strangers in rooms of ours."""
    there = {record.id: record for record in running}
    with deps.database.transaction() as tx:
        due.want(tx, Recording, _differing(tx.session, there))
    for breakout_id, strangers in _strangers(deps, there).items():
        with locked_if_kept(deps, breakout_id) as b:
            if b is not None:
                b.lock_rooms([room_id for room_id, _ in strangers])
                for room_id, record in strangers:
                    hosts_recordings.adopt(b, room_id, record)


def _differing(session: Session, there: Mapping[str, RecordingRecord]) -> list[str]:
    """Return the recordings of which the list says something else than we do; those asked about longest ago first."""
    columns = col(Recording.id), col(Recording.realtimekit_recording_id), col(Recording.paused)
    running = select(*columns).where(holds(Recording, IS_RECORDED_NOW))
    mine = session.execute(running.order_by(col(Recording.progressed_at).nulls_first(), col(Recording.id)))
    differing = [
        row_id
        for row_id, its_id, paused in mine
        if its_id not in there or (there[its_id].status == "PAUSED") is not paused
    ]
    return differing[:MOST_ASKED]


def _strangers(deps: Deps, there: Mapping[str, RecordingRecord]) -> dict[str, list[tuple[str, RecordingRecord]]]:
    """Return, by breakout, the recordings in open rooms that others have started."""
    with deps.database.reading() as session:
        its_ids = col(Recording.realtimekit_recording_id)
        known = set(session.scalars(select(its_ids).where(its_ids.in_(there))))
        strange = {record.meeting_id: record for its_id, record in there.items() if its_id not in known}
        rooms = session.execute(
            select(col(Room.breakout_id), col(Room.id), col(Room.realtimekit_meeting_id)).where(
                col(Room.realtimekit_meeting_id).in_([it for it in strange if it]), in_use()
            )
        )
        found: dict[str, list[tuple[str, RecordingRecord]]] = {}
        for breakout_id, room_id, meeting_id in rooms:
            found.setdefault(breakout_id, []).append((room_id, strange[meeting_id]))
        return found
