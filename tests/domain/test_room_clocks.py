"""When a room must be looked at next for its own clock. Times are in seconds from now, as in test_due_times.py."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.room_clocks import ends_at, has_ended, room_due, warning_due
from schemas.states import BreakoutState, RoomState, RoomWanted
from tests.domain.facts import NOW, Facts, facts

S, R, W = BreakoutState, RoomState, RoomWanted
GRACE, LOOK_AGAIN, NEAR, FAR = 120, 10, 5, 600


@dataclass
class RoomFacts:
    """A room's stored facts; a time that is not given is null."""

    state: RoomState = R.OPEN
    wanted: RoomWanted = W.OPEN
    own_end: datetime | None = None
    warned_until: datetime | None = None
    empties_at: datetime | None = None
    sent_home_at: datetime | None = None
    gives_up_at: datetime | None = None


def room(state: RoomState = R.OPEN, wanted: RoomWanted = W.OPEN, **times: float) -> RoomFacts:
    read: dict[str, Any] = {name: NOW + timedelta(seconds=at) for name, at in times.items()}
    return RoomFacts(state, wanted, **read)


OPEN = facts(S.OPEN, closes_at=FAR, warn_before_seconds=[60])
WITHOUT_TIMER = facts(S.OPEN, warn_before_seconds=[60])
CLOSING = facts(S.CLOSING, empties_at=FAR)
RULES: dict[str, tuple[RoomFacts, Facts, float | None]] = {
    "a room without an end of its own is never due": (room(), OPEN, None),
    "a room is due at its own end": (room(own_end=30), OPEN, 30),
    "a warning comes before it": (room(own_end=90, warned_until=0), OPEN, 30),
    "a warning that was given is not due again": (room(own_end=90, warned_until=30), OPEN, 90),
    "a room without a timer of its breakout is warned too": (room(own_end=90, warned_until=0), WITHOUT_TIMER, 30),
    "a room that ends with its breakout is warned with it": (room(own_end=FAR, warned_until=0), OPEN, FAR),
    "a room's end that has passed is due": (room(own_end=-1), OPEN, -1),
    "a room that is being made has an end": (room(R.PREPARING, own_end=30), OPEN, 30),
    "a failed room has none": (room(R.FAILED, own_end=30), OPEN, None),
    "a room's own end waits while its breakout closes": (room(own_end=30), CLOSING, None),
    "a countdown is due": (room(R.CLOSING, own_end=-1, empties_at=59), OPEN, 59),
    "a countdown is due while the breakout closes": (room(R.CLOSING, own_end=-1, empties_at=59), CLOSING, 59),
    "a dissolved room is looked at again": (room(R.CLOSING, own_end=-1), OPEN, LOOK_AGAIN),
    "a room that was sent home is looked at again": (
        room(R.CLOSING, own_end=-1, empties_at=-1, sent_home_at=-1, gives_up_at=FAR),
        OPEN,
        LOOK_AGAIN,
    ),
    "a room that takes long to close is looked at less often": (
        room(R.CLOSING, W.CLOSED, own_end=-50, empties_at=-50, sent_home_at=-50, gives_up_at=FAR),
        OPEN,
        50 / 2,
    ),
    "the end of its grace is due": (
        room(R.CLOSING, own_end=-1, empties_at=-1, sent_home_at=NEAR - GRACE, gives_up_at=FAR),
        OPEN,
        NEAR,
    ),
    "the time to give up is due": (room(R.CLOSED, W.CLOSED, own_end=-1, sent_home_at=-1, gives_up_at=NEAR), OPEN, NEAR),
    "a time to give up that has passed is looked at again": (
        room(R.CLOSED, W.CLOSED, own_end=-1, sent_home_at=-1, gives_up_at=-1),
        OPEN,
        LOOK_AGAIN,
    ),
    "a room that is being closed is looked at again": (
        room(R.CLOSING, W.CLOSED, own_end=-1, empties_at=-1, sent_home_at=-1, gives_up_at=FAR),
        OPEN,
        LOOK_AGAIN,
    ),
    "a closed room of which nobody is missing is never due": (
        room(R.CLOSED, W.CLOSED, own_end=-1, empties_at=-1, sent_home_at=-1),
        OPEN,
        None,
    ),
}


@pytest.mark.parametrize(("one", "clock", "due"), RULES.values(), ids=RULES)
def test_due(one: RoomFacts, clock: Facts, due: float | None) -> None:
    at = room_due(one, clock, NOW, timedelta(seconds=GRACE), timedelta(seconds=LOOK_AGAIN))
    assert (at and (at - NOW).total_seconds()) == due


@pytest.mark.parametrize(
    ("own_end", "closes_at", "end"), [(5, 9, 5), (9, 5, 5), (5, None, 5), (None, 5, 5), (None, None, None)]
)
def test_a_room_closes_at_its_own_end_or_the_breakouts(
    own_end: float | None, closes_at: float | None, end: float | None
) -> None:
    one = RoomFacts() if own_end is None else room(own_end=own_end)
    at = ends_at(one, facts(S.OPEN, closes_at=closes_at))
    assert (at and (at - NOW).total_seconds()) == end


def test_a_room_has_ended_at_its_end_while_the_breakout_is_open() -> None:
    assert has_ended(room(own_end=0), OPEN, NOW)
    assert not has_ended(room(own_end=1), OPEN, NOW)
    assert not has_ended(room(own_end=0), CLOSING, NOW)
    assert not has_ended(room(R.CLOSING, own_end=0), OPEN, NOW)


def test_of_several_late_warnings_the_last_is_given() -> None:
    clock = facts(S.OPEN, warn_before_seconds=[300, 60, 10])
    assert warning_due(room(own_end=50, warned_until=-600), clock, NOW) == 60
    assert warning_due(room(own_end=50, warned_until=-10), clock, NOW) is None
    assert warning_due(room(own_end=FAR, warned_until=-600), OPEN, NOW) is None
