"""When a breakout closes: when its own timer ends, or in time for the end of its parent meeting."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col

from orchestrator.domain.timing import closes_by, earliest, last_closing
from orchestrator.errors import Malformed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store.queries import meeting
from schemas.problems import ProblemCode
from schemas.states import LIVE, BreakoutState
from schemas.tables import Breakout, Room

LEAST_OPEN = timedelta(seconds=10)
"""A start that would leave less time than this is refused."""


def set_end(row: Breakout, own_end: datetime | None) -> None:
    """Store when the breakout's own timer ends, and with it when it closes."""
    row.own_end = own_end
    row.closes_at = earliest(own_end, must_close_at(row))


def must_close_at(row: Breakout) -> datetime | None:
    """Return when the parent's end closes the breakout, paused or not; None without such an end."""
    return last_closing(row.parent_ends_at, row.countdown_seconds)


def too_late(b: LockedBreakout, starts_at: datetime) -> str | None:
    """Return, in a sentence, why a start then is too late for the end of the parent meeting; None: it is not."""
    follow_parent(b)
    last = must_close_at(b.row)
    if last is None or starts_at <= last - LEAST_OPEN:
        return None
    ends_at, latest = (f"{it:%Y-%m-%dT%H:%M:%SZ}" for it in (b.row.parent_ends_at, last - LEAST_OPEN))
    return f"the meeting ends at {ends_at}, so this breakout can start at {latest} at the latest"


def require_time_left(b: LockedBreakout, starts_at: datetime) -> None:
    """Raise Malformed when a start then is too late for the end of the parent meeting."""
    if why := too_late(b, starts_at):
        raise Malformed(why, ("body", "start"), ProblemCode.PARENT_ENDS_TOO_SOON)


def arm_warnings(b: LockedBreakout) -> None:
    """Let the warnings that are still to come be given, those before rooms' own ends too: an end has moved."""
    b.row.warned_until = b.now
    if b.row.rooms_look_at is not None:
        mine = update(Room).where(col(Room.breakout_id) == b.row.id, col(Room.own_end).is_not(None))
        b.tx.session.execute(mine.values(warned_until=b.now))


ENDS = ("closes_at", "empties_at")
"""The fields of B that depend on when the parent meeting ends."""


def follow_parent(b: LockedBreakout) -> None:
    """Take over the end of the parent meeting as it is now, and close earlier or later for it."""
    ends_at = meeting(b.tx.session, b.row.meeting_id).ends_at
    if ends_at == b.row.parent_ends_at:
        return
    before, closed_by = {name: getattr(b.row, name) for name in ENDS}, closes_by(b.row)
    b.row.parent_ends_at = ends_at
    if b.row.state is BreakoutState.OPEN and b.row.paused_with_seconds is None:
        set_end(b.row, b.row.own_end)
    moves = b.row.state is BreakoutState.OPEN and closes_by(b.row) != closed_by
    if moves:
        arm_warnings(b)
    if b.row.empties_at is not None and b.row.sent_home_at is None:
        b.row.empties_at = empties_by_parents_end(b, b.row.empties_at)
    changed = [name for name in ENDS if getattr(b.row, name) != before[name]]
    if moves and b.row.rooms_look_at is not None:
        changed.append("rooms")  # those with an end of their own close in time too
    if changed and b.row.state in LIVE:
        b.change_by_operator(changed)


def empties_by_parents_end(b: LockedBreakout, empties_at: datetime) -> datetime:
    """Return when the seats are to point to main: then, or when the parent meeting ends, but not before now."""
    return max(b.now, earliest(empties_at, b.row.parent_ends_at) or empties_at)
