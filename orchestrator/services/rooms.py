"""A room's controller: one pass brings what is there (meeting, admitted people, recording) nearer to what is wanted.

Opening, a late joiner, closing, retrying, going on after a crash: all of them are this pass. It never keeps a
transaction open over a call, and every write after the start carries the claim's fence.
"""

from orchestrator.errors import LeaseLost, RealtimeKitError, Refused
from orchestrator.log import about
from orchestrator.services import failures, room_closing, room_opening, steps
from orchestrator.services.deps import Deps
from orchestrator.services.leased import release_for_retry, start_pass
from orchestrator.services.moves import report_problem
from orchestrator.services.room_work import RoomWork, read_work
from orchestrator.store import due
from orchestrator.store.leases import Lease
from orchestrator.store.queries import lock_breakout
from schemas.states import RoomState, RoomWanted
from schemas.tables import Room


def advance(deps: Deps, room_id: str, claim: int) -> str:
    """The task of a room; answers with one line for whoever watches."""
    with start_pass(deps, Room, room_id, claim, lambda tx, ids: read_work(deps, tx, ids)) as begun:
        if begun is None:
            return "nothing to do"
        lease, work = begun
        about(breakout_id=work.breakout_id)
        try:
            return _pass(deps, lease, work)
        except RealtimeKitError as error:
            return _could_not(deps, lease.claim, work, error)


def _pass(deps: Deps, lease: Lease, work: RoomWork) -> str:
    if work.wanted is RoomWanted.CLOSED:
        return room_closing.close(deps, lease, work)
    return room_opening.open_or_keep(deps, lease, work)


def _could_not(deps: Deps, claim: due.Claim, work: RoomWork, error: RealtimeKitError) -> str:
    """Try later what may yet work; what RealtimeKit refuses for good fails the room, or is reported while it closes."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, work.breakout_id)
        room = tx.session.get_one(Room, claim.row_id, populate_existing=True)
        if room.claim != claim.fence:
            raise LeaseLost(f"room {room.id} is somebody else's by now")
        if not isinstance(error, Refused):
            release_for_retry(tx, claim, error)
            return f"will try again: {error.message}"
        now = tx.now()
        if room.state is RoomState.PREPARING and room.wanted is RoomWanted.OPEN:
            failures.fail_room(tx, breakout, room, error.message, now)
            due.release(tx, claim, due_at=now)
        else:
            report_problem(tx, breakout, now, what="RealtimeKit refused", detail=error.message, room_id=room.id)
            due.release(tx, claim, due_at=None)
        steps.look(deps, tx, breakout)
        return f"refused: {error.message}"
