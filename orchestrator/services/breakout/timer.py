"""An open breakout's timers, its own and its rooms': warnings before the end, and the end itself."""

from datetime import timedelta
from functools import partial

from orchestrator import metrics
from orchestrator.domain.membership import takes_people
from orchestrator.domain.room_clocks import ends_by_itself
from orchestrator.domain.timing import closes_by, due_warning
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.closing import start_countdown
from orchestrator.services.breakout.room_ends import OVER, rooms_step, why_all_are_over
from schemas.events import Actor, EventType
from schemas.states import CloseReason


def timer_step(b: LockedBreakout) -> None:
    """Close an open breakout whose time has come, or whose last room has closed; or give the warning that is due."""
    if close_in_time(b):
        return
    has_ends = b.row.rooms_look_at is not None
    rooms_step(b)
    if has_ends and close_with_last_room(b):
        return
    closes_at = closes_by(b.row)
    if closes_at is None:
        return
    seconds = due_warning(closes_at, b.row.warn_before_seconds, b.row.warned_until or b.now, b.now)
    if seconds is not None:
        with b.acting(Actor.TIMER):
            data = {"remaining_seconds": seconds, "room_ids": _rooms_to_warn(b) if has_ends else None}
            b.log(EventType.BREAKOUT_WARNING, data)
        b.row.warned_until = b.now


def _rooms_to_warn(b: LockedBreakout) -> list[str] | None:
    """Return the rooms that close with the breakout; None when all that are not over do."""
    rooms = [room for room in b.rooms() if room.state not in OVER]
    with_breakout = [room for room in rooms if takes_people(room) and not ends_by_itself(room, b.row)]
    return [room.id for room in with_breakout] if len(with_breakout) < len(rooms) else None


def close_with_last_room(b: LockedBreakout) -> bool:
    """Close a breakout whose last room has closed. Returns whether it closes now. Everybody was sent home before."""
    reason = why_all_are_over(b)
    if reason is None:
        return False
    with b.acting(Actor.TIMER if reason is CloseReason.TIMER else b.actor):
        start_countdown(b, reason, timedelta(0))
    b.row.closes_at = b.now
    return True


def close_in_time(b: LockedBreakout) -> bool:
    """Close a breakout whose timer ends, or whose parent meeting does. Returns whether it closes now."""
    closes_at = closes_by(b.row)
    if closes_at is None or b.now < closes_at:
        return False
    b.tx.count(partial(metrics.count_lateness, "closes_at", b.now - closes_at))
    with b.acting(Actor.TIMER):
        start_countdown(b, CloseReason.TIMER)
    return True
