"""Which task a due row needs: a hint for readers of Flower, from the row's state and the time."""

import pytest

from orchestrator.domain.lifecycle import breakout_task, room_task
from schemas.states import BreakoutState, RoomWanted
from schemas.tables import Room
from schemas.tasks import Task
from tests.domain.facts import NOW, Facts, facts

S = BreakoutState

TASKS: dict[str, tuple[Facts, Task]] = {
    "a draft is prepared": (facts(S.DRAFT), Task.BREAKOUT_PREPARE),
    "a draft with a start to come is prepared": (facts(S.DRAFT, starts_at=1), Task.BREAKOUT_PREPARE),
    "a draft whose start has come opens": (facts(S.DRAFT, starts_at=0), Task.BREAKOUT_OPEN),
    "a scheduled breakout without a start is prepared": (facts(S.SCHEDULED), Task.BREAKOUT_PREPARE),
    "a scheduled breakout is prepared before its start": (facts(S.SCHEDULED, starts_at=1), Task.BREAKOUT_PREPARE),
    "a scheduled breakout opens at its start": (facts(S.SCHEDULED, starts_at=0), Task.BREAKOUT_OPEN),
    "a scheduled breakout opens after its start": (facts(S.SCHEDULED, starts_at=-1), Task.BREAKOUT_OPEN),
    "an opening goes on opening": (facts(S.OPENING), Task.BREAKOUT_OPEN),
    "an opening before its planned start opens": (facts(S.OPENING, starts_at=60), Task.BREAKOUT_OPEN),
    "an open breakout without an end warns": (facts(S.OPEN), Task.BREAKOUT_WARN),
    "an open breakout warns before its end": (facts(S.OPEN, closes_at=1), Task.BREAKOUT_WARN),
    "an open breakout closes at its end": (facts(S.OPEN, closes_at=0), Task.BREAKOUT_CLOSE),
    "an open breakout closes after its end": (facts(S.OPEN, closes_at=-1), Task.BREAKOUT_CLOSE),
    "a paused breakout closes in time for the parent's end": (
        facts(S.OPEN, parent_ends_at=60, countdown_seconds=60),
        Task.BREAKOUT_CLOSE,
    ),
    "a closing empties its rooms": (facts(S.CLOSING), Task.BREAKOUT_EMPTY),
    "a closing empties its rooms when it is time": (facts(S.CLOSING, empties_at=0), Task.BREAKOUT_EMPTY),
    "a closing tidies when people were sent home": (
        facts(S.CLOSING, empties_at=-1, sent_home_at=0),
        Task.BREAKOUT_TIDY,
    ),
}


@pytest.mark.parametrize(("row", "task"), TASKS.values(), ids=TASKS)
def test_the_task_of_a_breakout(row: Facts, task: Task) -> None:
    assert breakout_task(row, NOW) is task


@pytest.mark.parametrize(
    ("wanted", "task"),
    [
        (RoomWanted.NOTHING, Task.ROOM_OPEN),
        (RoomWanted.READY, Task.ROOM_OPEN),
        (RoomWanted.OPEN, Task.ROOM_OPEN),
        (RoomWanted.CLOSED, Task.ROOM_CLOSE),
    ],
    ids=lambda value: value.value,
)
def test_the_task_of_a_room_follows_what_is_wanted_of_it(wanted: RoomWanted, task: Task) -> None:
    assert room_task(Room(breakout_id="b", index=0, name="Room", key="key", wanted=wanted)) is task
