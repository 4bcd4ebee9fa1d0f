"""An open breakout's timer: warnings before its end, and the end itself."""

from functools import partial

from orchestrator import metrics
from orchestrator.domain.timing import due_warning
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.closing import start_countdown
from schemas.events import EventType
from schemas.states import CloseReason


def timer_step(b: LockedBreakout) -> None:
    """Close an open breakout whose time has come, or give the warning that is due."""
    closes_at = b.row.closes_at
    if closes_at is None:
        return
    if b.now >= closes_at:
        b.tx.count(partial(metrics.count_lateness, "closes_at", b.now - closes_at))
        start_countdown(b, CloseReason.TIMER)
        return
    seconds = due_warning(closes_at, b.row.warn_before_seconds, b.row.warned_until or b.now, b.now)
    if seconds is not None:
        b.log(EventType.BREAKOUT_WARNING, {"remaining_seconds": seconds, "room_ids": None})
        b.row.warned_until = b.now
