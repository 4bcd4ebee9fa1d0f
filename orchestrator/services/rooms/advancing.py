"""A room's controller: one pass brings what is there (meeting, admitted people, recording) nearer to what is wanted.

Opening, a late joiner, closing, retrying, going on after a crash: all of them are this pass. It never keeps a
transaction open over a call, and every write after the start carries the claim's fence.
"""

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import LeaseLost, RealtimeKitError, Refused
from orchestrator.log import about
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.failing import fail_room
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.passes.admission import without_names
from orchestrator.services.passes.leased import start_pass
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.services.rooms.closing import close
from orchestrator.services.rooms.opening import open_or_keep
from orchestrator.services.rooms.patience import Failed, retry_or_give_up, seek_evidence, watch
from orchestrator.services.rooms.work import RoomWork, begin_work
from orchestrator.store import due
from orchestrator.store.leases import Lease
from schemas.events import ProblemKind
from schemas.states import RoomState, RoomWanted
from schemas.tables import Room


def advance(deps: Deps, room_id: str, claim: int) -> Result:
    """Do one pass over a room. This is the task of a room, under each of its names."""
    with start_pass(deps, Room, room_id, claim, begin_work, after_error=_after_error) as begun:
        if begun is None:
            return NOTHING_TO_DO
        lease, work = begun
        about(breakout_id=work.breakout_id)
        try:
            return _pass(deps, lease, work)
        except RealtimeKitError as error:
            seek_evidence(deps, lease, error, work.priority)
            return _handle_failure(deps, lease.claim, work, error)


def _pass(deps: Deps, lease: Lease, work: RoomWork) -> Result:
    if work.wanted is RoomWanted.CLOSED:
        return close(deps, lease, work)
    return open_or_keep(deps, lease, work)


def _handle_failure(deps: Deps, claim: due.Claim, work: RoomWork, error: RealtimeKitError) -> Result:
    """Make the room due again if a retry may help. A refusal for good fails the room, or is reported."""
    words = without_names(error.message, work.guests)
    with locked(deps, work.breakout_id) as b:
        room = _still_ours(b, claim)
        if room.wanted is not work.wanted:
            due.release(b.tx, claim, due_at=b.now)
            return Result("not wanted any more", words)
        if not isinstance(error, Refused):
            return retry_or_give_up(b, Failed(room, claim, error, words))
        _record_refusal(b, room, claim, error.message)
        return Result("refused", words)


def _record_refusal(b: LockedBreakout, room: Room, claim: due.Claim, words: str) -> None:
    is_missing = room.state is RoomState.PREPARING or room.realtimekit_meeting_id is None
    if is_missing and room.wanted is RoomWanted.OPEN:
        fail_room(b, room, words)
        due.release(b.tx, claim, due_at=b.now)
    else:
        b.report(ProblemKind.REALTIMEKIT_REFUSED, words, room_id=room.id)
        due.release(b.tx, claim, due_at=None)
        watch(b, room)


def _after_error(deps: Deps, claim: due.Claim, error: Exception) -> None:
    """Count an error of ours as the room's own, because it may concern this room alone."""
    with deps.database.glancing() as session:
        breakout_id = session.scalars(select(col(Room.breakout_id)).where(col(Room.id) == claim.row_id)).one()
    with locked(deps, breakout_id) as b:
        words = f"an error of ours: {type(error).__name__}"
        retry_or_give_up(b, Failed(_still_ours(b, claim), claim, None, words))


def _still_ours(b: LockedBreakout, claim: due.Claim) -> Room:
    """Return the room as it is now. Raises LeaseLost when another worker has started it since."""
    room = b.tx.session.get_one(Room, claim.row_id, populate_existing=True)
    if room.claim != claim.fence:
        raise LeaseLost(f"room {room.id} is somebody else's by now")
    return room
