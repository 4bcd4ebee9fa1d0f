"""The moves that are legal, when a row is due next, and which task a due row needs: pure functions of stored facts."""

from datetime import datetime, timedelta
from typing import Protocol

from orchestrator.domain.timing import earliest
from orchestrator.errors import IllegalMove
from schemas.states import MOVES, BreakoutState, RoomState, RoomWanted, State
from schemas.tasks import Task


def can_move(state: State, to: State) -> bool:
    """Whether the table of moves has an arrow from `state` to `to`."""
    return to in MOVES[state]


def check_move(state: State, to: State) -> None:
    """Raise IllegalMove unless the table of moves has that arrow."""
    if not can_move(state, to):
        raise IllegalMove(f"{type(state).__name__} can't go from {state} to {to}")


class BreakoutFacts(Protocol):
    """The stored facts of a breakout that decide when it is due."""

    state: BreakoutState
    starts_at: datetime | None
    opening_until: datetime | None
    closes_at: datetime | None
    empties_at: datetime | None
    emptied_at: datetime | None


class RoomFacts(Protocol):
    """The stored facts of a room that name its task."""

    state: RoomState
    wanted: RoomWanted


def breakout_due(row: BreakoutFacts, now: datetime, grace: timedelta, look_again: timedelta) -> datetime | None:
    """When a breakout must be looked at next; an opening or closing also every `look_again`, whatever got lost."""
    match row.state:
        case BreakoutState.SCHEDULED:
            return row.starts_at if row.starts_at and row.starts_at > now else now + look_again
        case BreakoutState.OPENING:
            return earliest(*_later(now, row.opening_until), now + look_again)
        case BreakoutState.OPEN:
            return row.closes_at
        case BreakoutState.CLOSING if row.empties_at and row.emptied_at is None:
            return row.empties_at
        case BreakoutState.CLOSING if row.empties_at:
            return earliest(*_later(now, row.empties_at + grace, row.empties_at + 2 * grace), now + look_again)
    return None


def _later(now: datetime, *times: datetime | None) -> list[datetime]:
    return [time for time in times if time is not None and time > now]


def breakout_task(row: BreakoutFacts) -> Task:
    """The name under which a due breakout's step is sent."""
    if row.state is BreakoutState.CLOSING:
        return Task.BREAKOUT_FINISH
    return Task.BREAKOUT_CLOSE if row.state is BreakoutState.OPEN else Task.BREAKOUT_OPEN


def room_task(row: RoomFacts) -> Task:
    """The name under which a due room's pass is sent."""
    if row.wanted is RoomWanted.CLOSED:
        return Task.ROOM_CLOSE
    return Task.ROOM_RECORD if row.state is RoomState.OPEN else Task.ROOM_OPEN
