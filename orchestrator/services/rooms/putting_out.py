"""Putting people out of an open room who have another place by now and did not go there in time."""

from dataclasses import dataclass

from orchestrator.errors import RealtimeKitError
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.breakout.leaving import Leaver, leavers, mark_being_put_out
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.rooms.work import RoomWork
from orchestrator.store import due
from orchestrator.store.leases import Lease


@dataclass(frozen=True)
class PutOut:
    """The outcome of the call."""

    leavers: tuple[Leaver, ...] = ()
    """The people for whom it was made."""
    error: RealtimeKitError | None = None


NOBODY = PutOut()


def put_out(deps: Deps, lease: Lease, work: RoomWork, meeting_id: str) -> PutOut:
    """Put people out who should have left by now. Raises LeaseLost.

    1. Ask again, under the breakout's lock, who belongs elsewhere: they may have been moved back since the pass began.
    2. Mark them in the same transaction. Somebody who is moved back from then on is invited when the call is over, so
       that nobody is put out of the room that their seat points to.
    3. Make the call.
    """
    if not any(leaver.is_still_there for leaver in work.leavers):
        return NOBODY
    chosen = _choose(deps, lease, work)
    if not chosen:
        return NOBODY
    names = [leaver.custom_participant_id for leaver in chosen]
    kick = deps.realtimekit.kick(meeting_id, names, priority=Priority.MOVING)
    try:
        deps.realtimekit.run(kick, lease.before_call)
    except RealtimeKitError as error:
        return PutOut(chosen, error)
    return PutOut(chosen)


def _choose(deps: Deps, lease: Lease, work: RoomWork) -> tuple[Leaver, ...]:
    with locked(deps, work.breakout_id) as b:
        due.record(b.tx, lease.claim, progress=False)
        found = leavers(b.tx.session, [work.room_id], work.now)[work.room_id]
        chosen = tuple(leaver for leaver in found if leaver.is_still_there)
        mark_being_put_out(b.tx, [leaver.seat_id for leaver in chosen])
        return chosen
