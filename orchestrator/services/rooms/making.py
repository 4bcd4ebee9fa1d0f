"""Making a room's child meeting, or adopting the one that an earlier, unrecorded try has made."""

from dataclasses import dataclass

from orchestrator.errors import LeaseLost, OutcomeUnknown, Refused, TryAgain
from orchestrator.realtimekit.records import MeetingRecord
from orchestrator.services.deps import Deps
from orchestrator.services.passes.doubt import Doubt, find_ours, must_have_settled
from orchestrator.services.rooms.work import RoomWork, mark_guests
from orchestrator.store import due
from orchestrator.store.leases import Lease
from schemas.tables import Room


@dataclass(frozen=True)
class Made:
    """A child meeting that is there, and that has yet to be recorded."""

    claim: due.Claim
    work: RoomWork
    meeting_id: str
    name: str | None
    """The room's name in its title; None for one that was made under another name."""


def ensure_meeting(deps: Deps, lease: Lease, work: RoomWork) -> str:
    """Find or make the room's child meeting, record it, and return its id. Raises LeaseLost, RealtimeKitError."""
    adopted = _look_up(deps, lease, work)
    meeting = adopted or _make(deps, lease, work)
    name = None if adopted and adopted.title != work.title else work.name
    if not deps.database.groups.run(_record_all, deps, work.breakout_id, Made(lease.claim, work, meeting.id, name)):
        raise LeaseLost(f"room {work.room_id} is somebody else's by now")
    return meeting.id


def _look_up(deps: Deps, lease: Lease, work: RoomWork) -> MeetingRecord | None:
    """Find the meeting if it may be there. A miss counts only some time after the doubt, because looks may lag."""
    if work.in_doubt_since is None:
        return None
    since = work.first_in_doubt_at or work.in_doubt_since
    if hits := find_ours(deps, Doubt(work.key, since, lease.before_call, work.priority)):
        return hits[0]
    must_have_settled(deps, work.in_doubt_since, work.now)
    _record_doubt(deps, lease.claim, in_doubt=True)
    return None


def _make(deps: Deps, lease: Lease, work: RoomWork) -> MeetingRecord:
    create = deps.realtimekit.create_meeting(
        work.title, keep_alive_seconds=deps.settings.session_keep_alive_seconds, priority=work.priority
    )
    try:
        return deps.realtimekit.run(create, lease.before_call)
    except (TryAgain, Refused):
        if work.in_doubt_since is None:
            _record_doubt(deps, lease.claim, in_doubt=False)
        raise
    except OutcomeUnknown:  # the call may have waited long for quota, and the search settles from now on
        _record_doubt(deps, lease.claim, in_doubt=True)
        raise


def _record_doubt(deps: Deps, claim: due.Claim, *, in_doubt: bool) -> None:
    """Store that the meeting may have been made as late as now, or that it certainly was not."""
    with deps.database.transaction() as tx:
        due.record(tx, claim, progress=False)
        tx.session.get_one(Room, claim.row_id).in_doubt_since = tx.now() if in_doubt else None


def _record_all(deps: Deps, _breakout_id: str, batch: list[Made]) -> list[bool]:
    """Record the meetings of rooms whose claims are still good. Returns for each whether it was recorded."""
    with deps.database.transaction() as tx:
        rooms = due.record_all(tx, [one.claim for one in batch], [one.work.room_id for one in batch])
        mine = [one for one in batch if one.work.room_id in rooms]
        for one in mine:
            room = rooms[one.work.room_id]
            room.realtimekit_meeting_id, room.name_at_realtimekit = one.meeting_id, one.name
            room.in_doubt_since = None
        mark_guests(tx, [one.work for one in mine])
        return [one.work.room_id in rooms for one in batch]
