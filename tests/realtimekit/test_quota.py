"""One budget for all processes, that neither bursts, clocks, nor a lost Redis let grow."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
import redis

from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit import window as window_module
from orchestrator.realtimekit.budget import Ask, Budget, usable_of
from orchestrator.realtimekit.priority import Priority
from orchestrator.realtimekit.quota import Quota
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

GREEDY = """
import asyncio, json, sys, time
from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.budget import Ask, Budget
from orchestrator.realtimekit.priority import Priority
from orchestrator.realtimekit.quota import Quota

async def main(url, usable, window, seconds):
    quota, granted, until = Quota(url, Budget(usable, window), Budget(usable, 60), "greedy"), [], time.time() + seconds
    async def worker(number):
        while time.time() < until:
            try:
                wait = (await quota.take(Ask.of("anything", Priority.CLOSING, sys.argv, number))).wait
                if not wait:
                    granted.append(time.time())
            except OutOfQuota as refusal:
                wait = refusal.retry_after
            await asyncio.sleep(min(wait, max(0.0, until - time.time())))
    await asyncio.gather(*(worker(number) for number in range(30)))
    await quota.close()
    print(json.dumps(granted))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
"""

_numbers = count()


def quota_of(url: str, limit: int, window: float, scope: str = "test", recordings: int = 1000) -> Quota:
    """A quota like that of one process."""
    return Quota(url, Budget(usable_of(limit), window), Budget(recordings, 50), scope)


def with_quotas(
    use: Callable[..., Awaitable[None]], url: str, limit: int, window: float, *, many: int = 1, recordings: int = 1000
) -> None:
    """Run `use` with so many quotas that share a window, like those of as many processes."""

    async def used() -> None:
        quotas = [quota_of(url, limit, window, recordings=recordings) for _ in range(many)]
        try:
            await use(*quotas)
        finally:
            for quota in quotas:
                await quota.close()

    asyncio.run(used())


async def acquire(
    quota: Quota, priority: Priority = Priority.CLOSING, operation: str = "kick", what: object = None
) -> None:
    """Wait until a call may go out, as long as the quota asks nobody to come back later."""
    ask = Ask.of(operation, priority, next(_numbers) if what is None else what)
    while wait := (await quota.take(ask)).wait:  # noqa: ASYNC110 - each answer says how long to sleep
        await asyncio.sleep(wait)


async def refusals(
    quota: Quota, calls: int, priority: Priority = Priority.CLOSING, operation: str = "kick"
) -> list[float]:
    """How long each refused one of so many calls, all asked for at once, was told to stay away."""
    asked = (acquire(quota, priority, operation) for _ in range(calls))
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(result is None or isinstance(result, OutOfQuota) for result in results), results
    return sorted(result.retry_after for result in results if isinstance(result, OutOfQuota))


def test_three_greedy_processes_never_exceed_the_window(broker_url: str) -> None:
    limit, window = 100, 2.0
    command = [sys.executable, "-c", GREEDY, broker_url, str(usable_of(limit)), str(window), "4.3"]
    running = [subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE) for number in range(3)]
    granted = sorted(at for process in running for at in json.loads(process.communicate()[0]))
    slack = 0.8  # on a busy machine a process may see a grant that much later than Redis made it
    busiest = max(sum(start <= at < start + window - slack for at in granted) for start in granted)
    assert busiest <= limit * 0.97
    assert len(granted) >= 2 * int(limit * 0.97), "the budget must be used, too"


def test_processes_share_one_window(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        assert await refusals(one, 50) == []
        assert len(await refusals(other, 60)) == 110 - 97

    with_quotas(use, broker_url, 100, 60, many=2)


def test_another_token_has_another_window(broker_url: str) -> None:
    async def use() -> None:
        one, other = quota_of(broker_url, 10, 60, "one"), quota_of(broker_url, 10, 60, "other")
        assert len(await refusals(one, 20)) == 11
        assert await refusals(other, 9) == []
        await one.close()
        await other.close()

    asyncio.run(use())


def test_at_most_97_percent_are_used_and_at_least_one(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        assert len(await refusals(quota, 3)) == 2

    with_quotas(use, broker_url, 1, 60)


def test_a_short_wait_is_waited_for(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        await refusals(quota, 9)
        began = time.monotonic()
        await acquire(quota)
        assert time.monotonic() - began > 0.8

    with_quotas(use, broker_url, 10, 1.0)


def test_a_call_counts_until_a_window_after_its_answer(broker_url: str) -> None:
    """RealtimeKit has counted it by then; a window after its grant it may still count it."""

    async def use(one: Quota, other: Quota) -> None:
        turn = await one.take(Ask.of("kick", Priority.CLOSING, "slow"))
        await asyncio.sleep(0.5)
        one.answered(turn.call)
        with pytest.raises(OutOfQuota) as raised:
            await acquire(one)
        assert 59.9 < raised.value.retry_after <= 60
        with pytest.raises(OutOfQuota) as raised:
            await acquire(other)
        assert raised.value.retry_after > 59.4

    with_quotas(use, broker_url, 1, 60, many=2)


def test_each_one_refused_gets_a_turn_of_its_own(broker_url: str) -> None:
    """They come back one after the other as calls expire, instead of all at once for the first slot."""

    async def use(quota: Quota) -> None:
        for _ in range(3):
            await refusals(quota, 3)
            await asyncio.sleep(0.2)
        first, *later = await refusals(quota, 9)
        assert 59.0 < first < 59.6
        assert [round(turn - first, 1) for turn in later] == pytest.approx(
            [0, 0, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4], abs=0.11
        )
        assert all(119 < turn < 120 for turn in await refusals(quota, 9))

    with_quotas(use, broker_url, 10, 60)


def test_a_turn_is_near_when_those_before_have_not_come_back_yet(broker_url: str) -> None:
    """What they leave free for the moment is filled within this window, and is free again in the next."""

    async def use(one: Quota, other: Quota) -> None:
        await acquire(one)
        await one.block(1.5)
        waiting = [asyncio.create_task(acquire(one)) for _ in range(8)]
        await asyncio.sleep(0.1)
        assert all(wait < 7 for wait in await refusals(other, 9))
        await asyncio.gather(*waiting)

    with_quotas(use, broker_url, 10, 3.0, many=2)


def test_a_429_stops_every_process_and_a_shorter_one_does_not_end_it(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        await one.block(30)
        await other.block(5)
        for quota in (one, other):
            (wait,) = await refusals(quota, 1)
            assert 28 < wait <= 30

    with_quotas(use, broker_url, 100, 60, many=2)


def test_a_short_block_is_sat_out(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        await one.block(0.5)
        began = time.monotonic()
        await acquire(other)
        assert time.monotonic() - began > 0.4

    with_quotas(use, broker_url, 100, 60, many=2)


def test_a_cancelled_caller_takes_nothing_from_the_others(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        calls = [asyncio.create_task(acquire(quota)) for _ in range(20)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [result for result in results[1::2] if result is not None] == []

    with_quotas(use, broker_url, 100, 60)


def test_without_redis_a_process_goes_on_with_a_share_of_its_own(own_valkey: Valkey) -> None:
    async def use(quota: Quota) -> None:
        assert await refusals(quota, 10) == []
        own_valkey.kill()
        assert len(await refusals(quota, 20)) == 10 + 20 - 24
        await quota.block(90)
        (wait,) = await refusals(quota, 1)
        assert 88 < wait <= 90

    with_quotas(use, own_valkey.url, 100, 60)


def test_a_frozen_redis_costs_one_short_wait_and_no_call(own_valkey: Valkey) -> None:
    async def use(quota: Quota) -> None:
        await acquire(quota)
        os.kill(own_valkey.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(5):
                await acquire(quota)
            assert time.monotonic() - began < 2.5
        finally:
            os.kill(own_valkey.process.pid, signal.SIGCONT)

    with_quotas(use, own_valkey.url, 100, 60)


def test_without_redis_the_reserve_stays(own_valkey: Valkey) -> None:
    async def use(quota: Quota) -> None:
        own_valkey.kill()
        assert len(await refusals(quota, 30, Priority.POLLING)) == 30 - 16
        assert len(await refusals(quota, 30, Priority.OPENING)) == 30 - 3
        assert len(await refusals(quota, 30, Priority.CLOSING)) == 30 - 5

    with_quotas(use, own_valkey.url, 100, 60)


def test_a_redis_that_comes_back_is_told_of_what_was_used_meanwhile(own_valkey: Valkey) -> None:
    async def use(one: Quota, other: Quota) -> None:
        assert await refusals(one, 10) == []
        own_valkey.kill()
        assert await refusals(one, 10) == []
        assert await refusals(other, 20) == []
        own_valkey.start()
        await until_known(own_valkey, 40)
        refused = await asyncio.gather(refusals(one, 50), refusals(other, 50))
        assert sum(map(len, refused)) == 40 + 100 - 97

    with_quotas(use, own_valkey.url, 100, 60, many=2)


async def until_known(valkey: Valkey, calls: int, key: str = "calls") -> None:
    """Until Redis knows of so many calls."""
    with redis.Redis.from_url(valkey.url) as client:
        await asyncio.to_thread(wait_until, lambda: client.zcard(f"bo:quota:{{test}}:{key}") == calls)


def test_an_emptied_redis_is_reminded_before_it_grants_anything(own_valkey: Valkey) -> None:
    """Of the calls of all who made some, also of those who ask for none any more, and in both windows."""

    async def use(idle: Quota, busy: Quota) -> None:
        assert await refusals(idle, 30) == []
        assert await refusals(idle, 12, operation="recording") == []
        assert await refusals(busy, 20) == []
        with redis.Redis.from_url(own_valkey.url) as client:
            client.flushall()
        assert len(await refusals(busy, 8 + 3, operation="recording")) == 3
        assert len(await refusals(busy, 50)) == 30 + 12 + 20 + 8 + 50 - 97

    with_quotas(use, own_valkey.url, 100, 60, many=2, recordings=20)


def test_a_429_outlives_an_emptied_redis(own_valkey: Valkey) -> None:
    """Whoever saw it, or was kept away by it, reminds Redis of it."""

    async def use(one: Quota, other: Quota) -> None:
        await one.block(300)
        (wait,) = await refusals(other, 1)
        assert 290 < wait <= 300
        await one.close()
        with redis.Redis.from_url(own_valkey.url) as client:
            client.flushall()
            await asyncio.to_thread(wait_until, lambda: client.pttl("bo:quota:{test}:gate") > 290_000)
        newcomer = quota_of(own_valkey.url, 100, 60)
        (wait,) = await refusals(newcomer, 1)
        assert 290 < wait <= 300
        await newcomer.close()

    with_quotas(use, own_valkey.url, 100, 60, many=2)


def test_each_priority_finds_the_window_full_at_a_fill_of_its_own(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        assert len(await refusals(one, 100, Priority.PREPARING)) == 100 - 58
        assert len(await refusals(other, 100, Priority.POLLING)) == 100 - 9
        assert len(await refusals(one, 100, Priority.OPENING)) == 100 - 10
        assert len(await refusals(other, 100, Priority.MOVING)) == 100 - 5
        assert len(await refusals(one, 100, Priority.CLOSING)) == 100 - 15

    with_quotas(use, broker_url, 100, 60, many=2)


def test_what_gets_free_goes_to_the_most_urgent_whoever_asks_first(broker_url: str) -> None:
    """The opening has waited longer, in another process, and gets nothing until nobody who is closing waits."""

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


def test_a_call_that_comes_back_has_kept_its_place_in_whichever_process(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        for _ in range(3):
            await acquire(one)
            await asyncio.sleep(0.2)

        async def turn(quota: Quota, what: str) -> float:
            with pytest.raises(OutOfQuota) as raised:
                await acquire(quota, what=what)
            return time.monotonic() + raised.value.retry_after

        first, second = await turn(one, "first"), await turn(one, "second")
        assert second - first > 0.15
        assert await turn(other, "second") == pytest.approx(second, abs=0.05)
        assert await turn(other, "first") == pytest.approx(first, abs=0.05)

    with_quotas(use, broker_url, 4, 60, many=2)


def test_a_call_that_gets_more_urgent_overtakes(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        await refusals(one, 9)
        await refusals(one, 7, Priority.OPENING)
        for priority, least in ((Priority.PREPARING, 100), (Priority.MOVING, 50)):
            with pytest.raises(OutOfQuota) as raised:
                await acquire(other, priority, what="a room")
            assert least < raised.value.retry_after < least + 25

    with_quotas(use, broker_url, 10, 60, many=2)


def test_who_does_not_come_back_loses_the_place(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_module, "KEPT_SECONDS", 0.1)

    async def use(one: Quota, other: Quota) -> None:
        await refusals(one, 9)
        gone = [asyncio.create_task(acquire(one)) for _ in range(9)]
        await asyncio.sleep(0.1)
        for task in gone:
            task.cancel()
        assert await refusals(other, 2, Priority.OPENING) == []

    with_quotas(use, broker_url, 10, 0.8, many=2)


def test_calls_about_recordings_have_a_limit_of_their_own_besides(broker_url: str) -> None:
    async def use(one: Quota, other: Quota) -> None:
        for operation in ("start_recording", "stop_recording", "recording", "active_recording"):
            assert await refusals(one, 5, operation=operation) == []
        refused = await refusals(other, 3, operation="stop_recording")
        assert len(refused) == 3
        assert all(49 < wait < 51 for wait in refused)
        assert len(await refusals(other, 80)) == 20 + 80 - 97, "they count as calls, and those refused hold nothing up"

    with_quotas(use, broker_url, 100, 60, many=2, recordings=20)


def test_calls_asked_for_together_cost_one_round_trip(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        await acquire(quota)
        with redis.Redis.from_url(broker_url) as client:
            before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
            await refusals(quota, 50)
            assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1

    with_quotas(use, broker_url, 1000, 60)
