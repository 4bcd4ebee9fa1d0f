"""The rules of the shared windows, one table each, against a real broker and without waiting for time to pass."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
import redis

from orchestrator.realtimekit.quota.budget import Budget, QuotaRequest, usable_of
from orchestrator.realtimekit.quota.memory import ProcessMemory
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.quota.window import SETTLE_SECONDS, SharedWindows

CALLS, RECORDINGS = Budget(100, 60), Budget(20, 30)
_numbers = count()


class Process:
    """The windows as one process sees them."""

    def __init__(self, url: str) -> None:
        self.memory = ProcessMemory([CALLS, RECORDINGS])
        self.shared = SharedWindows(url, [CALLS, RECORDINGS], "rules", self.memory)

    async def take(
        self, calls: int, priority: Priority = Priority.CLOSING, operation: str = "kick", subject: str = ""
    ) -> list[float]:
        """Ask for calls at once; return their waits, and remember the granted ones as the gate does."""
        attempts = [
            (QuotaRequest.of(operation, priority, subject or number), f"call {number}")
            for number in (next(_numbers) for _ in range(calls))
        ]
        waits = await self.shared.take(attempts)
        for (request, call_id), wait in zip(attempts, waits, strict=True):
            if not wait:
                self.memory.add(request, call_id)
        return waits


def with_processes(url: str, processes: int, story: Callable[..., Awaitable[None]]) -> None:
    """Run `story` with so many processes that share the windows."""

    async def run() -> None:
        started = [Process(url) for _ in range(processes)]
        try:
            await story(*started)
        finally:
            for process in started:
                await process.shared.close()

    asyncio.run(run())


@pytest.mark.parametrize(("limit", "usable"), [(1, 1), (2, 1), (100, 97), (1200, 1164)])
def test_97_percent_of_a_limit_are_given_out_but_at_least_one_call(limit: int, usable: int) -> None:
    assert usable_of(limit) == usable


@pytest.mark.parametrize(
    ("calls", "share", "caps"),
    [
        (1164, 1.0, [1164, 989, 931, 814, 698]),
        (100, 1.0, [100, 85, 80, 70, 60]),
        (100, 0.25, [25, 21, 20, 17, 15]),
        (1, 1.0, [1, 1, 1, 1, 1]),
    ],
)
def test_lower_priorities_have_lower_caps(calls: int, share: float, caps: list[int]) -> None:
    assert Budget(calls, 60).caps(share) == caps


@pytest.mark.parametrize(
    ("operation", "windows"),
    [
        ("kick", 1),
        ("create_meeting", 1),
        ("start_recording", 2),
        ("stop_recording", 2),
        ("recording", 2),
        ("active_recording", 2),
        ("running_recordings", 2),
    ],
)
def test_only_calls_about_recordings_count_in_two_windows(operation: str, windows: int) -> None:
    assert QuotaRequest.of(operation, Priority.CLOSING).windows == windows


def test_a_queue_name_is_the_same_in_every_process_and_names_nobody() -> None:
    request = QuotaRequest.of("add_participant", Priority.OPENING, "meeting", "ana")
    assert request.queue_name == QuotaRequest.of("add_participant", Priority.MOVING, "meeting", "ana").queue_name
    assert request.queue_name != QuotaRequest.of("add_participant", Priority.OPENING, "meeting", "bo").queue_name
    assert "ana" not in request.queue_name


@pytest.mark.parametrize(
    ("in_window", "priority", "granted"),
    [
        (0, Priority.CLOSING, 100),
        (0, Priority.MOVING, 85),
        (0, Priority.OPENING, 80),
        (0, Priority.POLLING, 70),
        (0, Priority.PREPARING, 60),
        (75, Priority.PREPARING, 0),
        (75, Priority.POLLING, 0),
        (75, Priority.OPENING, 5),
        (90, Priority.MOVING, 0),
        (90, Priority.CLOSING, 10),
        (100, Priority.CLOSING, 0),
    ],
)
def test_each_priority_fills_the_window_up_to_its_cap(
    broker_url: str, in_window: int, priority: Priority, granted: int
) -> None:
    async def story(one: Process, other: Process) -> None:
        assert await one.take(in_window) == [0] * in_window
        waits = await other.take(100, priority)
        assert waits[:granted] == [0] * granted
        assert all(wait > 59 for wait in waits[granted:])

    with_processes(broker_url, 2, story)


def test_a_full_window_makes_the_calls_beyond_it_wait_one_window_longer(broker_url: str) -> None:
    async def story(one: Process) -> None:
        await one.take(100)
        waits = await one.take(201)
        assert all(59 < wait <= 60 for wait in waits[:100])
        assert all(119 < wait <= 120 for wait in waits[100:200])
        assert 179 < waits[200] <= 180

    with_processes(broker_url, 1, story)


def test_a_full_window_of_recordings_holds_up_no_other_call(broker_url: str) -> None:
    async def story(one: Process) -> None:
        waits = await one.take(25, operation="stop_recording")
        assert waits[:20] == [0] * 20
        assert all(29 < wait <= 30 for wait in waits[20:])
        assert await one.take(80) == [0] * 80

    with_processes(broker_url, 1, story)


@pytest.mark.parametrize(
    ("asked_again_as", "wait_seconds"),
    [
        ([Priority.OPENING], 60),
        ([Priority.MOVING], 60),
        ([Priority.POLLING], 120),
        ([Priority.POLLING, Priority.OPENING], 120),
    ],
)
def test_a_call_keeps_its_place_until_it_comes_back_with_a_lower_priority(
    broker_url: str, asked_again_as: list[Priority], wait_seconds: float
) -> None:
    """The call is the first of its priority; whoever queues behind the 80 others waits for one window more."""

    async def story(one: Process, other: Process) -> None:
        await one.take(100)
        (wait,) = await one.take(1, Priority.OPENING, subject="a room")
        assert 59 < wait <= 60
        await one.take(80, Priority.OPENING)
        for priority in asked_again_as:
            (wait,) = await other.take(1, priority, subject="a room")
        assert wait_seconds - 1 < wait <= wait_seconds

    with_processes(broker_url, 2, story)


@pytest.mark.parametrize("priority", Priority)
def test_a_429_refuses_every_priority_in_every_process(broker_url: str, priority: Priority) -> None:
    async def story(one: Process, other: Process) -> None:
        one.memory.close_gate(30)
        await one.shared.remind()
        (wait,) = await other.take(1, priority)
        assert 29 < wait <= 30
        assert 29 < other.memory.gate_closed_seconds <= 30

    with_processes(broker_url, 2, story)


@pytest.mark.parametrize(("first", "second"), [(30, 5), (5, 30)])
def test_the_longer_429_counts(broker_url: str, first: int, second: int) -> None:
    async def story(one: Process, other: Process) -> None:
        for process, seconds in ((one, first), (other, second)):
            process.memory.close_gate(seconds)
            await process.shared.remind()
        (wait,) = await one.take(1)
        assert 29 < wait <= 30

    with_processes(broker_url, 2, story)


def test_an_emptied_redis_learns_the_calls_of_a_process_and_grants_nothing_for_a_moment(broker_url: str) -> None:
    async def story(one: Process, other: Process) -> None:
        await one.take(40)
        await one.take(3, operation="recording")
        with redis.Redis.from_url(broker_url) as client:
            client.flushall()
        (wait,) = await one.take(1)
        assert 0 < wait <= SETTLE_SECONDS
        assert await other.shared.used() == 43
        with redis.Redis.from_url(broker_url) as client:
            assert client.zcard("bo:quota:{rules}:recording-calls") == 3

    with_processes(broker_url, 2, story)


def test_an_emptied_redis_learns_of_a_429_from_a_process_that_saw_it(broker_url: str) -> None:
    async def story(one: Process, other: Process) -> None:
        one.memory.close_gate(30)
        await one.shared.remind()
        with redis.Redis.from_url(broker_url) as client:
            client.flushall()
        await one.shared.take([])
        (wait,) = await other.take(1)
        assert 29 < wait <= 30

    with_processes(broker_url, 2, story)


def test_a_new_process_with_nothing_to_tell_is_served_at_once(broker_url: str) -> None:
    async def story(one: Process) -> None:
        assert await one.take(1) == [0]

    with_processes(broker_url, 1, story)


def test_calls_that_were_granted_without_redis_are_told_before_the_next_grant(broker_url: str) -> None:
    async def story(one: Process, other: Process) -> None:
        await one.take(1)
        request = QuotaRequest.of("kick", Priority.CLOSING)
        one.memory.take((request, f"without redis {number}") for number in range(10))
        assert await other.shared.used() == 1
        await one.shared.take([])
        assert await other.shared.used() == 11

    with_processes(broker_url, 2, story)


def test_a_reminder_changes_nothing_where_redis_has_lost_nothing(broker_url: str) -> None:
    async def story(one: Process, other: Process) -> None:
        await one.take(10)
        await one.shared.remind()
        assert await other.take(1) == [0]
        assert await other.shared.used() == 11

    with_processes(broker_url, 2, story)
