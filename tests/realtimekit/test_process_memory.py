"""What one process remembers of the quota, on a clock that only the test moves: its share, the gate, its calls."""

import pytest

from orchestrator.realtimekit.quota.budget import Budget, QuotaRequest
from orchestrator.realtimekit.quota.memory import ProcessMemory
from orchestrator.realtimekit.quota.priority import Priority

CALLS, RECORDINGS = Budget(100, 60), Budget(20, 30)
"""Without Redis a process may use 25 of the calls, and 5 of the calls about recordings."""


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> ProcessMemory:
    """Return an empty memory."""
    return ProcessMemory([CALLS, RECORDINGS], clock)


def take(
    memory: ProcessMemory, count: int, priority: Priority = Priority.CLOSING, operation: str = "kick"
) -> list[float]:
    request = QuotaRequest.of(operation, priority)
    return memory.take((request, f"{operation}-{priority}-{number}") for number in range(count))


@pytest.mark.parametrize(
    ("priority", "granted"),
    [
        (Priority.CLOSING, 25),
        (Priority.MOVING, 21),
        (Priority.OPENING, 20),
        (Priority.POLLING, 17),
        (Priority.PREPARING, 15),
    ],
)
def test_without_redis_each_priority_may_use_its_share_of_a_quarter(
    memory: ProcessMemory, priority: Priority, granted: int
) -> None:
    assert take(memory, 30, priority).count(0) == granted


def test_a_more_urgent_call_is_granted_where_a_less_urgent_one_is_refused(memory: ProcessMemory) -> None:
    take(memory, 20, Priority.OPENING)
    assert take(memory, 1, Priority.POLLING) == [60]
    assert take(memory, 1, Priority.MOVING) == [0]


def test_a_refused_call_waits_until_a_call_leaves_the_window(memory: ProcessMemory, clock: Clock) -> None:
    take(memory, 24)
    clock.now += 10
    take(memory, 1, Priority.CLOSING, "retire_meeting")
    assert take(memory, 2) == [50, 50]
    clock.now += 49.9
    assert take(memory, 1) == [pytest.approx(0.1)]
    clock.now += 0.1
    assert take(memory, 1) == [0]


def test_refused_calls_wait_for_one_slot_each(memory: ProcessMemory, clock: Clock) -> None:
    for number in range(25):
        take(memory, 1, Priority.CLOSING, f"call {number}")
        clock.now += 1
    assert take(memory, 3) == [35, 36, 37]


@pytest.mark.parametrize("operation", ["start_recording", "stop_recording", "recording", "active_recording"])
def test_calls_about_recordings_need_room_in_both_windows(memory: ProcessMemory, operation: str) -> None:
    assert take(memory, 6, operation=operation) == [0] * 5 + [30]
    assert take(memory, 30).count(0) == 25 - 5


def test_a_closed_gate_refuses_every_priority(memory: ProcessMemory, clock: Clock) -> None:
    memory.close_gate(20)
    assert [take(memory, 1, priority) for priority in Priority] == [[20]] * len(Priority)
    clock.now += 20
    assert take(memory, 1) == [0]


@pytest.mark.parametrize(("first", "second", "closed"), [(20, 5, 20), (5, 20, 20)])
def test_the_longest_closure_of_the_gate_counts(memory: ProcessMemory, first: int, second: int, closed: int) -> None:
    memory.close_gate(first)
    memory.close_gate(second)
    assert memory.gate_closed_seconds == closed


def test_a_call_ages_from_its_answer(memory: ProcessMemory, clock: Clock) -> None:
    memory.add(QuotaRequest.of("stop_recording", Priority.CLOSING), "one")
    clock.now += 20
    assert memory.ages() == [[("one", 20)], [("one", 20)]]
    memory.answered("one")
    clock.now += 29
    assert memory.ages() == [[("one", 29)], [("one", 29)]]


def test_a_call_is_forgotten_when_its_window_has_passed(memory: ProcessMemory, clock: Clock) -> None:
    memory.add(QuotaRequest.of("stop_recording", Priority.CLOSING), "one")
    clock.now += 30
    assert memory.ages() == [[("one", 30)], []]
    assert memory.has_something()
    clock.now += 30
    assert memory.ages() == [[], []]
    assert not memory.has_something()


def test_an_answer_is_told_once(memory: ProcessMemory, clock: Clock) -> None:
    memory.add(QuotaRequest.of("kick", Priority.CLOSING), "one")
    memory.answered("one")
    clock.now += 1
    assert memory.pop_newly_answered() == [[("one", 1)], []]
    assert memory.pop_newly_answered() == [[], []]


def test_the_gate_alone_is_worth_telling(memory: ProcessMemory, clock: Clock) -> None:
    memory.close_gate(5)
    assert memory.has_something()
    clock.now += 5
    assert not memory.has_something()


def test_redis_is_behind_only_after_a_call_that_was_granted_without_it(memory: ProcessMemory) -> None:
    memory.add(QuotaRequest.of("kick", Priority.CLOSING), "granted by Redis")
    assert not memory.redis_is_behind
    take(memory, 1)
    assert memory.redis_is_behind
