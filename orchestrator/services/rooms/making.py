"""Making a room's child meeting, or adopting the one that an earlier, unrecorded try has made."""

from dataclasses import dataclass

from orchestrator.errors import OutcomeUnknown, Refused, TryAgain
from orchestrator.realtimekit.records import MeetingRecord
from orchestrator.services.deps import Deps
from orchestrator.services.passes.doubt import Doubt, find_ours, must_have_settled
from orchestrator.services.passes.records import delete_records
from orchestrator.services.rooms.work import RoomWork
from orchestrator.store import due
from orchestrator.store.leases import Lease
from schemas.tables import Room


@dataclass(frozen=True)
class Made:
    """A child meeting that is there, and that has yet to be recorded."""

    meeting_id: str
    name: str | None
    """The room's name in its title; None for one that was made under another name."""
    is_new: bool
    """Whether this pass has made it, so that nobody can have been added to it before."""


def find_or_make(deps: Deps, lease: Lease, work: RoomWork) -> Made:
    """Find or make the room's child meeting. Raises LeaseLost, RealtimeKitError.

    It is recorded with whatever else the pass reaches: a record of its own took a tenth of the time in which 100
    rooms are opened (measured). If this process dies before that, the next pass finds the meeting by its mark.
    """
    if (found := _look_up(deps, lease, work)) is None:
        return Made(_make(deps, lease, work).id, work.name, is_new=True)
    _remove_others(deps, lease, work, found.id)
    return Made(found.id, work.name if found.title == work.title else None, is_new=False)


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


def _remove_others(deps: Deps, lease: Lease, work: RoomWork, meeting_id: str) -> None:
    """Delete the records of people who are not the room's any more. The pass that made the meeting may have added them.

    No row says so, so nobody else would remove from here who has left for good since.
    """
    guests = {guest.custom_participant_id for guest in work.guests}
    records = delete_records(deps.realtimekit, meeting_id, but=guests, priority=work.priority)
    deps.realtimekit.run(records, lease.before_call)


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
