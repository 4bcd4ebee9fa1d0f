"""A room's controller: one pass brings what is there (meeting, admitted people, recording) nearer to what is wanted.

Opening, a late joiner, closing, retrying, going on after a crash: all of them are this pass. It never keeps a
transaction open over a call, and every write after the start carries the claim's fence.
"""

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import LeaseLost, RealtimeKitError, Refused
from orchestrator.log import about
from orchestrator.services.breakout import failing, steps
from orchestrator.services.breakout.moves import report_problem
from orchestrator.services.deps import Deps
from orchestrator.services.passes.admission import without_names
from orchestrator.services.passes.leased import start_pass
from orchestrator.services.rooms import closing, opening
from orchestrator.services.rooms.patience import Failed, retry_or_give_up, seek_evidence
from orchestrator.services.rooms.work import RoomWork, read_work
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import lock_breakout
from schemas.states import RoomState, RoomWanted
from schemas.tables import Breakout, Room


def advance(deps: Deps, room_id: str, claim: int) -> str:
    """The task of a room; answers with one line for whoever watches."""
    with start_pass(
        deps, Room, room_id, claim, lambda tx, ids: read_work(deps, tx, ids), after_error=_after_error
    ) as begun:
        if begun is None:
            return "nothing to do"
        lease, work = begun
        about(breakout_id=work.breakout_id)
        try:
            return _pass(deps, lease, work)
        except RealtimeKitError as error:
            seek_evidence(deps, lease, error, work.priority)
            return _could_not(deps, lease.claim, work, error)


def _pass(deps: Deps, lease: Lease, work: RoomWork) -> str:
    if work.wanted is RoomWanted.CLOSED:
        return closing.close(deps, lease, work)
    return opening.open_or_keep(deps, lease, work)


def _could_not(deps: Deps, claim: due.Claim, work: RoomWork, error: RealtimeKitError) -> str:
    """Try later what may yet work; what RealtimeKit refuses for good fails the room, or is reported while it closes."""
    words = without_names(error.message, work.guests)
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, work.breakout_id)
        room = _still_ours(tx, claim)
        if room.wanted is not work.wanted:
            due.release(tx, claim, due_at=tx.now())
            return f"not wanted any more: {words}"
        if not isinstance(error, Refused):
            line = retry_or_give_up(deps, tx, breakout, Failed(room, claim, error, words))
        else:
            line = f"refused: {words}"
            _refused(tx, breakout, room, claim=claim, words=error.message)
        steps.look(deps, tx, breakout)
        return line


def _refused(tx: Transaction, breakout: Breakout, room: Room, *, claim: due.Claim, words: str) -> None:
    now = tx.now()
    if room.state is RoomState.PREPARING and room.wanted is RoomWanted.OPEN:
        failing.fail_room(tx, breakout, room, words, now)
        due.release(tx, claim, due_at=now)
    else:
        report_problem(tx, breakout, now, what="RealtimeKit refused", detail=words, room_id=room.id)
        due.release(tx, claim, due_at=None)


def _after_error(deps: Deps, claim: due.Claim, error: Exception) -> None:
    """A pass met an error of ours, which another room need not meet: it counts as this one's own."""
    with deps.database.reading() as session:
        breakout_id = session.scalar(select(col(Room.breakout_id)).where(col(Room.id) == claim.row_id))
    assert breakout_id is not None
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        words = f"an error of ours: {type(error).__name__}"
        retry_or_give_up(deps, tx, breakout, Failed(_still_ours(tx, claim), claim, None, words))
        steps.look(deps, tx, breakout)


def _still_ours(tx: Transaction, claim: due.Claim) -> Room:
    """Raises LeaseLost."""
    room = tx.session.get_one(Room, claim.row_id, populate_existing=True)
    if room.claim != claim.fence:
        raise LeaseLost(f"room {room.id} is somebody else's by now")
    return room
