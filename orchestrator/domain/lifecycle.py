"""Which moves are legal, when a row is due next, and which task a due row needs: pure functions of stored facts."""

from datetime import datetime, timedelta
from typing import Protocol

from orchestrator.domain.timing import closes_by, earliest, last_closing, look_again, next_warning
from orchestrator.errors import IllegalMove
from schemas.states import BreakoutState, RoomWanted, State, moves_from
from schemas.tasks import Task

COUNT_EVERY = timedelta(minutes=1)
COUNT_FROM = timedelta(days=1)
"""The people of a plan that is dealt at its start are counted so often, from so long before the start."""


def can_move(state: State, to: State) -> bool:
    """Return whether the table of moves allows `to` after `state`."""
    return to in moves_from(state)


def check_move(state: State, to: State) -> None:
    """Raise IllegalMove unless the table of moves allows `to` after `state`."""
    if not can_move(state, to):
        raise IllegalMove(f"{type(state).__name__} can't go from {state} to {to}")


class BreakoutFacts(Protocol):
    """The stored facts of a breakout that decide when it is due."""

    state: BreakoutState
    prepare_from: datetime | None
    starts_at: datetime | None
    dealt_at: datetime | None
    opening_until: datetime | None
    closes_at: datetime | None
    parent_ends_at: datetime | None
    countdown_seconds: int
    warn_before_seconds: list[int]
    warned_until: datetime | None
    empties_at: datetime | None
    sent_home_at: datetime | None
    gives_up_at: datetime | None
    rooms_look_at: datetime | None


class RoomFacts(Protocol):
    """The stored facts of a room that name its task."""

    wanted: RoomWanted


def breakout_due(row: BreakoutFacts, now: datetime, grace: timedelta, every: timedelta) -> datetime | None:
    """Return when a breakout must be looked at next; None: not before somebody changes it.

    Its rooms' own clocks are in `rooms_look_at`, which each look stores anew (domain/room_clocks.py).

    An opening or closing breakout is also looked at again and again, at first after `every`.
    """
    match row.state:
        case BreakoutState.DRAFT | BreakoutState.SCHEDULED:
            return _planned_due(row, now, every)
        case BreakoutState.OPENING:
            until = _later(now, row.opening_until)
            last = last_closing(row.parent_ends_at, row.countdown_seconds)
            return earliest(*until, last, row.rooms_look_at, look_again(now, row.starts_at, every))
        case BreakoutState.OPEN:
            return earliest(closes_by(row), _next_warning(row), row.rooms_look_at)
        case BreakoutState.CLOSING if row.sent_home_at is not None:
            until = _later(now, row.sent_home_at + grace, row.gives_up_at)
            return earliest(*until, row.rooms_look_at, look_again(now, row.sent_home_at, every))
        case BreakoutState.CLOSING:
            return earliest(row.empties_at, row.rooms_look_at)
    return None


def _planned_due(row: BreakoutFacts, now: datetime, every: timedelta) -> datetime | None:
    """Return when to prepare or start a planned breakout.

    A start whose time has come waits for another breakout of the meeting to end, and is tried again after `every`.
    """
    if row.state is BreakoutState.SCHEDULED and not _later(now, row.starts_at):
        return now + every
    starts_at = row.starts_at if row.state is BreakoutState.SCHEDULED else None
    return earliest(*_later(now, row.prepare_from, starts_at), _count_again(row, starts_at, now))


def _count_again(row: BreakoutFacts, starts_at: datetime | None, now: datetime) -> datetime | None:
    """Return when to count again for how many people a start is to be prepared; None once they are dealt."""
    if starts_at is None or row.dealt_at is not None:
        return None
    return max(now + COUNT_EVERY, starts_at - COUNT_FROM)


def _next_warning(row: BreakoutFacts) -> datetime | None:
    return next_warning(closes_by(row), row.warn_before_seconds, row.warned_until) if row.warned_until else None


def _later(now: datetime, *times: datetime | None) -> list[datetime]:
    return [time for time in times if time is not None and time > now]


def breakout_task(row: BreakoutFacts, now: datetime) -> Task:
    """Return the task under whose name a due breakout's step is sent."""
    match row.state:
        case BreakoutState.CLOSED:
            return Task.BREAKOUT_TIDY
        case BreakoutState.CLOSING:
            return Task.BREAKOUT_EMPTY if row.sent_home_at is None else Task.BREAKOUT_TIDY
        case BreakoutState.OPEN:
            ends_at = closes_by(row)
            return Task.BREAKOUT_CLOSE if ends_at and ends_at <= now else Task.BREAKOUT_WARN
        case BreakoutState.DRAFT | BreakoutState.SCHEDULED if not row.starts_at or row.starts_at > now:
            return Task.BREAKOUT_PREPARE
    return Task.BREAKOUT_OPEN


def room_task(row: RoomFacts) -> Task:
    """Return the task under whose name a due room's pass is sent."""
    return Task.ROOM_CLOSE if row.wanted is RoomWanted.CLOSED else Task.ROOM_OPEN
