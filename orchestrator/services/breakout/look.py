"""One look at a locked breakout: do what is due by its stored facts, and store when it is due next.

A look is level-triggered. It may come after anything, any number of times: a request, a room that got ready, a person
who came home, the timer, a recovery. It calls nobody outside.
"""

from collections.abc import Callable

from orchestrator.domain.lifecycle import breakout_due
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.closing import close_step, correct_late_news
from orchestrator.services.breakout.opening import open_step, opening_step
from orchestrator.services.breakout.planned import planned_step
from orchestrator.services.breakout.reusing import release_kept
from orchestrator.services.breakout.series import wake_next_round
from orchestrator.store import due
from schemas.events import Actor
from schemas.states import ENDED, BreakoutState
from schemas.tables import Breakout

STEPS: dict[BreakoutState, Callable[[LockedBreakout], None]] = {
    BreakoutState.DRAFT: planned_step,
    BreakoutState.SCHEDULED: planned_step,
    BreakoutState.OPENING: opening_step,
    BreakoutState.OPEN: open_step,
    BreakoutState.CLOSING: close_step,
    BreakoutState.CLOSED: correct_late_news,
}


def look(b: LockedBreakout) -> None:
    """Look at a breakout, whoever has made that necessary.

    1. Take the step of its state, and of each state that this leads to.
    2. Store when it is due next, unless it is looked at early enough as it stands.
    3. Wake the next round of its series if it has ended, or let go of what was kept for one.
    """
    with b.acting(Actor.SYSTEM):
        _take_steps(b)
    due_at = breakout_due(b.row, b.now, b.deps.grace, b.deps.look_again)
    if due_at != b.row.due_at and not (b.row.due_at and due_at and b.now < b.row.due_at <= due_at):
        due.set_due_with(b.tx, b.row, due_at)
    if due_at is not None and due_at <= b.now:
        due.dispatch(b.tx, Breakout, [b.row.id], now=b.now)
    if b.row.series_id is not None and b.row.state in ENDED and b.row.state is not b.state_before:
        wake_next_round(b)
        release_kept(b)


def _take_steps(b: LockedBreakout) -> None:
    while True:
        before = b.row.state
        if before in STEPS:
            STEPS[before](b)
        if b.row.state is before:
            return
