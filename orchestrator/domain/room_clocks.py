"""When a room closes, and when it must be looked at next for its own clock: pure functions of stored facts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from orchestrator.domain.membership import takes_people
from orchestrator.domain.timing import Ends, closes_by, due_warning, earliest, look_again, next_warning
from schemas.states import BreakoutState, RoomState, RoomWanted


class Clock(Ends, Protocol):
    """The stored facts of a breakout's clock that its rooms share."""

    warn_before_seconds: list[int]


class RoomClock(Protocol):
    """The stored facts of a room's own clock."""

    state: RoomState
    wanted: RoomWanted
    own_end: datetime | None
    warned_until: datetime | None
    empties_at: datetime | None
    sent_home_at: datetime | None
    gives_up_at: datetime | None


def ends_at(room: RoomClock, clock: Clock) -> datetime | None:
    """Return when a room closes: its own end or the breakout's, whichever is first; None while neither is set."""
    return clock.closes_at if room.own_end is None else earliest(room.own_end, closes_by(clock))


def ends_by_itself(room: RoomClock, clock: Clock) -> bool:
    """Return whether a room that takes people closes before its breakout does."""
    own_end, breakout_end = room.own_end, closes_by(clock)
    return takes_people(room) and own_end is not None and (breakout_end is None or own_end < breakout_end)


def has_ended(room: RoomClock, clock: Clock, now: datetime) -> bool:
    """Return whether a room is to begin to close by itself now."""
    is_open = clock.state is BreakoutState.OPEN and takes_people(room)
    return is_open and room.own_end is not None and room.own_end <= now


def warning_due(room: RoomClock, clock: Clock, now: datetime) -> int | None:
    """Return the seconds of the warning before its own end that a room is to be given now."""
    if room.own_end is None or clock.state is not BreakoutState.OPEN or not ends_by_itself(room, clock):
        return None
    return due_warning(room.own_end, clock.warn_before_seconds, room.warned_until or now, now)


def room_due(room: RoomClock, clock: Clock, now: datetime, grace: timedelta, every: timedelta) -> datetime | None:
    """Return when a room must be looked at next for its own clock, after everything was done that was due by now.

    One that closes by itself is also looked at again and again, at first after `every`.
    """
    if takes_people(room):
        if clock.state is not BreakoutState.OPEN or room.own_end is None:
            return None
        warned = room.warned_until or now
        warning = next_warning(room.own_end, clock.warn_before_seconds, warned) if ends_by_itself(room, clock) else None
        return earliest(room.own_end, warning)
    again = look_again(now, room.sent_home_at, every)
    if room.state is RoomState.CLOSING and room.sent_home_at is None:
        return room.empties_at or again
    if room.state is RoomState.CLOSING and room.sent_home_at is not None and room.wanted is not RoomWanted.CLOSED:
        return earliest(*_later(now, room.sent_home_at + grace), again)
    if room.gives_up_at is not None:
        return earliest(*_later(now, room.gives_up_at), again)
    return again if room.state is RoomState.CLOSING else None


def next_look(
    rooms: Iterable[RoomClock], clock: Clock, now: datetime, grace: timedelta, every: timedelta
) -> datetime | None:
    """Return when the first of these rooms must be looked at."""
    return earliest(*(room_due(room, clock, now, grace, every) for room in rooms))


def _later(now: datetime, *times: datetime) -> list[datetime]:
    return [time for time in times if time > now]
