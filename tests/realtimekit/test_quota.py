"""One budget for all processes, that neither bursts, clocks, nor a lost Redis let grow."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import pytest
import redis

from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.priority import Priority
from orchestrator.realtimekit.quota import Quota
from tests.support.valkey import Valkey

OPENING = Priority.OPENING

GREEDY = """
import asyncio, json, sys, time
from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.priority import Priority
from orchestrator.realtimekit.quota import Quota

async def main(url, limit, window, seconds):
    quota, granted, until = Quota(url, limit, window, "greedy"), [], time.time() + seconds
    async def worker():
        while time.time() < until:
            try:
                await quota.acquire(Priority.OPENING)
                granted.append(time.time())
            except OutOfQuota as refusal:
                await asyncio.sleep(min(refusal.retry_after, max(0.0, until - time.time())))
    await asyncio.gather(*(worker() for _ in range(30)))
    await quota.close()
    print(json.dumps(granted))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
"""


def with_quotas(use: Callable[..., Awaitable[None]], url: str, limit: int, window: float, many: int = 1) -> None:
    """Run `use` with so many quotas that share a window, like those of as many processes."""

    async def used() -> None:
        quotas = [Quota(url, limit, window, "test") for _ in range(many)]
        try:
            await use(*quotas)
        finally:
            for quota in quotas:
                await quota.close()

    asyncio.run(used())


async def refusals(quota: Quota, calls: int) -> list[float]:
    """How long each refused one of so many calls, all asked for at once, was told to stay away."""
    results = await asyncio.gather(*(quota.acquire(OPENING) for _ in range(calls)), return_exceptions=True)
    assert all(result is None or isinstance(result, OutOfQuota) for result in results), results
    return sorted(result.retry_after for result in results if isinstance(result, OutOfQuota))


def test_three_greedy_processes_never_exceed_the_window(broker_url: str) -> None:
    limit, window = 100, 2.0
    command = [sys.executable, "-c", GREEDY, broker_url, str(limit), str(window), "4.5"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
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
        one, other = Quota(broker_url, 10, 60, "one"), Quota(broker_url, 10, 60, "other")
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
        await quota.acquire(OPENING)
        assert 0.8 < time.monotonic() - began < 2.0

    with_quotas(use, broker_url, 10, 1.0)


def test_each_one_refused_gets_a_turn_of_its_own(broker_url: str) -> None:
    """They come back one after the other as calls expire, instead of all at once for the first slot."""

    async def use(quota: Quota) -> None:
        for _ in range(3):
            await refusals(quota, 3)
            await asyncio.sleep(0.2)
        first, *later = await refusals(quota, 9)
        assert 59.0 < first < 59.5
        assert [round(turn - first, 1) for turn in later] == pytest.approx(
            [0, 0, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4], abs=0.11
        )
        assert all(119 < turn < 120 for turn in await refusals(quota, 9))

    with_quotas(use, broker_url, 10, 60)


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
        await other.acquire(OPENING)
        assert time.monotonic() - began > 0.4

    with_quotas(use, broker_url, 100, 60, many=2)


def test_a_cancelled_caller_takes_nothing_from_the_others(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        calls = [asyncio.create_task(quota.acquire(OPENING)) for _ in range(20)]
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
        await quota.block(30)
        (wait,) = await refusals(quota, 1)
        assert 28 < wait <= 30

    with_quotas(use, own_valkey.url, 100, 60)


def test_a_frozen_redis_costs_one_short_wait_and_no_call(own_valkey: Valkey) -> None:
    async def use(quota: Quota) -> None:
        await quota.acquire(OPENING)
        os.kill(own_valkey.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(5):
                await quota.acquire(OPENING)
            assert time.monotonic() - began < 2.5
        finally:
            os.kill(own_valkey.process.pid, signal.SIGCONT)

    with_quotas(use, own_valkey.url, 100, 60)


def test_a_redis_that_comes_back_is_used_again(own_valkey: Valkey) -> None:
    async def use(quota: Quota) -> None:
        own_valkey.kill()
        await quota.acquire(OPENING)
        own_valkey.start()
        await asyncio.sleep(1.1)  # the time for which a Redis that failed is left alone
        await quota.acquire(OPENING)
        with redis.Redis.from_url(own_valkey.url) as client:
            assert client.zcard("bo:quota:{test}:calls") == 1

    with_quotas(use, own_valkey.url, 100, 60)


def test_an_emptied_redis_is_reminded_of_what_was_used(own_valkey: Valkey) -> None:
    async def use(one: Quota, other: Quota) -> None:
        await refusals(one, 60)
        with redis.Redis.from_url(own_valkey.url) as client:
            client.flushall()
        await one.acquire(OPENING)
        assert len(await refusals(other, 50)) == 61 + 50 - 97

    with_quotas(use, own_valkey.url, 100, 60, many=2)


def test_calls_asked_for_together_cost_one_round_trip(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        await quota.acquire(OPENING)
        with redis.Redis.from_url(broker_url) as client:
            before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
            await refusals(quota, 50)
            assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1

    with_quotas(use, broker_url, 1000, 60)
