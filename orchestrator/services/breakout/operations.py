"""What operators do with an existing breakout: prepare, start, close, cancel. Each is one transaction."""

from datetime import timedelta

from orchestrator.domain.lifecycle import can_move
from orchestrator.errors import WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.closing import start_countdown
from orchestrator.services.breakout.locked import locked, locked_with_later_rounds, taken
from orchestrator.services.breakout.opening import STARTED, begin_preparing
from orchestrator.services.breakout.planned import start_now
from orchestrator.services.breakout.planned_rooms import require_rooms
from orchestrator.services.breakout.retiring import want_closed
from orchestrator.services.deps import Deps
from orchestrator.services.result import NOTHING_TO_DO, Result
from schemas.states import PLANNED, RUNNING, BreakoutState, CloseReason, PlanState, RoomWanted


def step(deps: Deps, breakout_id: str, claim: int) -> Result:
    """Take the step that is due for a breakout. This is the task of a breakout, under each of its names."""
    with taken(deps, breakout_id, claim) as b:
        before = b.row.state if b else None
    if b is None or before is None:
        return NOTHING_TO_DO
    return Result(str(b.row.state) if b.row.state is before else f"{before} → {b.row.state}")


def prepare(deps: Deps, breakout_id: str) -> None:
    """Make the rooms of a planned breakout ahead of its start, unless that was begun before.

    Raises WrongState, Malformed for one without rooms.
    """
    with locked(deps, breakout_id) as b:
        _require_before(b, BreakoutState.OPENING, "prepare")
        require_rooms(b)
        if b.row.prepare_from is None or b.row.prepare_from > b.now:
            begin_preparing(b)


def start(deps: Deps, breakout_id: str) -> bool:
    """Start a planned breakout, or let it start once its groups are there.

    Returns False when it is opening or open already. Raises Unknown, WrongState, Malformed.
    """
    with locked(deps, breakout_id) as b:
        if b.row.state in RUNNING:
            return False
        _require_before(b, BreakoutState.OPENING, "start")
        if start_now(b):
            b.count_change(*STARTED)
        return True


def close(deps: Deps, breakout_id: str, countdown_seconds: int | None) -> bool:
    """Close a running breakout after this countdown, or its own. Returns False when it is closing or closed already.

    Raises Unknown, WrongState.
    """
    with locked(deps, breakout_id) as b:
        if b.row.state in (BreakoutState.CLOSING, BreakoutState.CLOSED):
            return False
        _require_before(b, BreakoutState.CLOSING, "close")
        b.count_change("state", "closes_at", "empties_at", "close_reason")
        start_countdown(b, CloseReason.API, None if countdown_seconds is None else timedelta(seconds=countdown_seconds))
        return True


def cancel(deps: Deps, breakout_id: str, *, rest_of_series: bool = False) -> bool:
    """Cancel a planned breakout, and with `rest_of_series` the later rounds, also of one that runs or has ended.

    Returns False when all of it is cancelled already. Raises Unknown, WrongState.
    """
    if rest_of_series:
        return _cancel_with_later_rounds(deps, breakout_id)
    with locked(deps, breakout_id) as b:
        if b.row.state is BreakoutState.CANCELLED:
            return False
        _require_before(b, BreakoutState.CANCELLED, "cancel")
        _cancel(b)
        return True


def _cancel_with_later_rounds(deps: Deps, breakout_id: str) -> bool:
    with locked_with_later_rounds(deps, breakout_id) as rounds:
        planned = [b for b in rounds if b.row.state in PLANNED]
        for b in planned:
            _cancel(b)
        return bool(planned)


def _cancel(b: LockedBreakout) -> None:
    b.move(BreakoutState.CANCELLED)
    b.row.plan_state, b.row.closed_at = PlanState.READY, b.now
    b.count_change("state", "closed_at")
    want_closed(b, [room.id for room in b.rooms() if room.wanted is RoomWanted.READY])


def _require_before(b: LockedBreakout, to: BreakoutState, verb: str) -> None:
    """Raise WrongState unless the breakout may move to `to`."""
    if not can_move(b.row.state, to):
        words = f"can't {verb} a breakout that is {b.row.state}"
        allowed = [state.value for state in BreakoutState if can_move(state, to)]
        raise WrongState(words, b.row.state.value, allowed)
