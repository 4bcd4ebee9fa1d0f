"""Calling a countdown off: a breakout that closes is open again, as long as its seats do not point to main."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.clock import must_close_at, set_end
from orchestrator.services.breakout.failing import redistribute_late
from orchestrator.services.breakout.opening import want_rooms
from orchestrator.services.breakout.seating import seat_latecomers
from orchestrator.services.breakout.watching import watch_people
from schemas.problems import ProblemCode
from schemas.states import BreakoutState, CloseReason, Location, RoomWanted
from schemas.tables import Breakout, Participant

FINAL = frozenset({CloseReason.PARENT_ENDED, CloseReason.ABORTED})
"""Reasons that nobody can call off."""


def call_off(b: LockedBreakout, closes_at: datetime | None) -> None:
    """Open a closing breakout again, to close at this time, or (None) without a timer.

    Its rooms, tokens and recordings were kept meanwhile, but for rooms that close by themselves. Those that were not
    asked for yet, because it was closed while it opened, are opened now. Whoever has come to main since is a latecomer.
    Raises WrongState, Malformed.
    """
    row = b.row
    _require_countdown(b)
    if closes_at is not None and closes_at <= b.now:
        raise Malformed("this time is past", ("body", "closes_at"), ProblemCode.TIME_PAST)
    last = must_close_at(row)
    if last is not None and last <= b.now:
        words = f"the meeting ends at {row.parent_ends_at:%Y-%m-%dT%H:%M:%SZ}, so this breakout has to close now"
        raise Malformed(words, ("body", "closes_at"), ProblemCode.TIME_PAST)
    b.lock_rooms()
    b.move(BreakoutState.OPEN)
    row.close_reason = row.empties_at = None
    row.opened_at = row.opened_at or b.now
    row.warned_until = row.rooms_look_at = b.now
    set_end(row, closes_at)
    watch_people(b)
    want_rooms(b, RoomWanted.OPEN)
    redistribute_late(b)
    here = col(Participant.meeting_id) == row.meeting_id, col(Participant.location) != Location.AWAY
    seat_latecomers(b, b.tx.session.scalars(select(col(Participant.id)).where(*here)).all())


def _require_countdown(b: LockedBreakout) -> None:
    """Raise WrongState when the countdown is over, or can't be called off."""
    row: Breakout = b.row
    if row.close_reason in FINAL:
        words = f"this breakout closes because it was {row.close_reason}"
        if row.close_reason is CloseReason.PARENT_ENDED:
            words = "this breakout closes because its meeting was ended"
        raise WrongState(words, row.state.value, [BreakoutState.OPEN.value])
    if row.sent_home_at is not None or row.empties_at is None or b.now >= row.empties_at:
        words = "the countdown is over: everybody is on their way to the main meeting"
        raise WrongState(words, row.state.value, [BreakoutState.OPEN.value])
