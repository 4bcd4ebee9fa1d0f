"""An open breakout's timer: warnings before its end, and the end itself."""

from functools import partial

from orchestrator import metrics
from orchestrator.domain.timing import due_warning, earliest
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.clock import must_close_at
from orchestrator.services.breakout.closing import start_countdown
from schemas.events import Actor, EventType
from schemas.states import CloseReason


def timer_step(b: LockedBreakout) -> None:
    """Close an open breakout whose time has come, or give the warning that is due."""
    if close_in_time(b) or b.row.closes_at is None:
        return
    seconds = due_warning(b.row.closes_at, b.row.warn_before_seconds, b.row.warned_until or b.now, b.now)
    if seconds is not None:
        with b.acting(Actor.TIMER):
            b.log(EventType.BREAKOUT_WARNING, {"remaining_seconds": seconds, "room_ids": None})
        b.row.warned_until = b.now


def close_in_time(b: LockedBreakout) -> bool:
    """Close a breakout whose timer ends, or whose parent meeting does. Returns whether it closes now."""
    closes_at = earliest(b.row.closes_at, must_close_at(b.row))
    if closes_at is None or b.now < closes_at:
        return False
    b.tx.count(partial(metrics.count_lateness, "closes_at", b.now - closes_at))
    with b.acting(Actor.TIMER):
        start_countdown(b, CloseReason.TIMER)
    return True
