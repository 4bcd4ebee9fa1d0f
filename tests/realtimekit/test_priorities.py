"""Which call goes first, over all processes, when the window is full."""

import asyncio
import time

import pytest
import redis

from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.quota import window as window_module
from orchestrator.realtimekit.quota.gate import Quota
from orchestrator.realtimekit.quota.priority import Priority
from tests.realtimekit.quotas import acquire, refusals, with_quotas


def test_each_priority_is_refused_at_a_fill_of_its_own(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        assert len(await refusals(one, 100, Priority.PREPARING)) == 100 - 58
        assert len(await refusals(other, 100, Priority.POLLING)) == 100 - 9
        assert len(await refusals(one, 100, Priority.OPENING)) == 100 - 10
        assert len(await refusals(other, 100, Priority.MOVING)) == 100 - 5
        assert len(await refusals(one, 100, Priority.CLOSING)) == 100 - 15

    with_quotas(use, broker_url, 100, 60, many=2)


def test_a_free_slot_goes_to_the_most_urgent_call_whoever_asks_first(broker_url: str) -> None:
    """Calls for opening have waited longer, in another process, and get nothing while a more urgent call waits."""

    async def use(one: Quota, other: Quota) -> None:
        order: list[Priority] = []

        async def wait_as(quota: Quota, priority: Priority) -> None:
            await acquire(quota, priority)
            order.append(priority)

        for _ in range(2):
            await refusals(one, 20)
            await asyncio.sleep(0.5)
        waiting = [asyncio.create_task(wait_as(one, Priority.OPENING)) for _ in range(10)]
        await asyncio.sleep(0.1)
        waiting += [asyncio.create_task(wait_as(other, Priority.MOVING)) for _ in range(2)]
        await asyncio.sleep(0.1)
        waiting += [asyncio.create_task(wait_as(other, Priority.CLOSING)) for _ in range(12)]
        await asyncio.gather(*waiting)
        assert sorted(order[:14]) == [Priority.CLOSING] * 12 + [Priority.MOVING] * 2, "of the 20 that got free at first"

    with_quotas(use, broker_url, 42, 2.0, many=2)


def test_a_refused_call_keeps_its_place_in_whichever_process_it_comes_back(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        for _ in range(3):
            await acquire(one)
            await asyncio.sleep(0.5)

        async def free_at(quota: Quota, what: str) -> float:
            with pytest.raises(OutOfQuota) as raised:
                await acquire(quota, what=what)
            return time.monotonic() + raised.value.retry_after

        first, second = await free_at(one, "first"), await free_at(one, "second")
        assert second - first > 0.4
        assert await free_at(other, "second") == pytest.approx(second, abs=0.2)
        assert await free_at(other, "first") == pytest.approx(first, abs=0.2)

    with_quotas(use, broker_url, 4, 60, many=2)


def test_a_call_that_becomes_more_urgent_moves_forward(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        await refusals(one, 9)
        await refusals(one, 7, Priority.OPENING)
        for priority, least in ((Priority.PREPARING, 100), (Priority.MOVING, 50)):
            with pytest.raises(OutOfQuota) as raised:
                await acquire(other, priority, what="a room")
            assert least < raised.value.retry_after < least + 25

    with_quotas(use, broker_url, 10, 60, many=2)


def test_a_call_that_does_not_come_back_loses_its_place(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_module, "PLACE_KEPT_SECONDS", 0.1)

    async def use(one: Quota, other: Quota) -> None:
        await refusals(one, 9)
        gone = [asyncio.create_task(acquire(one)) for _ in range(9)]
        await asyncio.sleep(0.1)
        for task in gone:
            task.cancel()
        assert await refusals(other, 2, Priority.OPENING) == []

    with_quotas(use, broker_url, 10, 0.8, many=2)


def test_calls_about_recordings_count_in_both_windows(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        for operation in ("start_recording", "stop_recording", "recording", "active_recording"):
            assert await refusals(one, 5, operation=operation) == []
        refused = await refusals(other, 3, operation="stop_recording")
        assert len(refused) == 3
        assert all(49 < wait < 51 for wait in refused)
        assert len(await refusals(other, 80)) == 20 + 80 - 97, "they count as calls, and those refused hold nothing up"

    with_quotas(use, broker_url, 100, 60, many=2, recordings=20)


def test_calls_that_are_asked_for_together_share_round_trips(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        await acquire(quota)
        with redis.Redis.from_url(broker_url) as client:
            before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
            await refusals(quota, 50)
            trips = client.info("commandstats")["cmdstat_evalsha"]["calls"] - before
            assert trips < 10, "one, or a few where the first ones were sent before the last ones asked"

    with_quotas(use, broker_url, 1000, 60)
