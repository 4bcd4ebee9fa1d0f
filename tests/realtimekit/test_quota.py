"""One budget for all processes, which neither bursts nor clocks nor a lost Redis can exceed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import redis

from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.quota.budget import QuotaRequest, usable_of
from orchestrator.realtimekit.quota.gate import Quota
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.quota.window import REDIS_TIMEOUT_SECONDS
from tests.realtimekit.quotas import acquire, quota_of, refusals, with_quotas
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

GREEDY = """
import asyncio, json, sys, time
from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.quota.budget import Budget, QuotaRequest
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.quota.gate import Quota

async def main(url, usable, window, seconds):
    quota, granted, until = Quota(url, Budget(usable, window), Budget(usable, 60), "greedy"), [], time.time() + seconds
    async def worker(number):
        while time.time() < until:
            try:
                wait = (await quota.take(QuotaRequest.of("anything", Priority.CLOSING, sys.argv, number))).wait_seconds
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


def test_three_greedy_processes_never_exceed_the_window(broker_url: str) -> None:
    limit, window = 100, 2.0
    command = [sys.executable, "-c", GREEDY, broker_url, str(usable_of(limit)), str(window), "4.3"]
    running = [subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE) for number in range(3)]
    said = [process.communicate()[0].splitlines()[-1] for process in running]  # lines of the log may come before
    granted = sorted(at for line in said for at in json.loads(line))
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


def test_at_most_97_percent_of_the_limit_are_used_but_at_least_one_call(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        assert len(await refusals(quota, 3)) == 2

    with_quotas(use, broker_url, 1, 60)


def test_a_call_that_has_to_wait_shortly_waits(broker_url: str) -> None:
    async def use(quota: Quota) -> None:
        await refusals(quota, 9)
        began = time.monotonic()
        await acquire(quota)
        assert time.monotonic() - began > 0.8

    with_quotas(use, broker_url, 10, 1.0)


def test_a_call_counts_until_a_window_after_its_answer(broker_url: str) -> None:
    """RealtimeKit has counted it by its answer, but maybe long after its grant."""

    async def use(one: Quota, other: Quota) -> None:
        decision = await one.take(QuotaRequest.of("kick", Priority.CLOSING, "slow"))
        await asyncio.sleep(0.5)
        one.answered(decision.call_id)
        with pytest.raises(OutOfQuota) as raised:
            await acquire(one)
        assert 59.9 < raised.value.retry_after <= 60
        with pytest.raises(OutOfQuota) as raised:
            await acquire(other)
        assert raised.value.retry_after > 59.4

    with_quotas(use, broker_url, 1, 60, many=2)


def test_each_refused_call_gets_a_time_of_its_own(broker_url: str) -> None:
    """Calls come back one after the other as slots become free, instead of all at once for the first slot."""

    async def use(quota: Quota) -> None:
        for _ in range(3):
            await refusals(quota, 3)
            await asyncio.sleep(0.2)
        first, *later = await refusals(quota, 9)
        assert 59.0 < first < 59.6
        assert [round(wait - first, 1) for wait in later] == pytest.approx(
            [0, 0, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4], abs=0.11
        )
        assert all(119 < wait < 120 for wait in await refusals(quota, 9))

    with_quotas(use, broker_url, 10, 60)


def test_a_wait_is_short_when_the_calls_before_have_not_come_back_yet(broker_url: str) -> None:
    """They fill the free slots within this window, and the slots are free again one window later."""

    async def use(one: Quota, other: Quota) -> None:
        await acquire(one)
        await one.block(1.5)
        waiting = [asyncio.create_task(acquire(one)) for _ in range(8)]
        await asyncio.sleep(0.1)
        assert all(wait < 7 for wait in await refusals(other, 9))
        await asyncio.gather(*waiting)

    with_quotas(use, broker_url, 10, 3.0, many=2)


def test_a_429_stops_every_process_and_a_shorter_one_does_not_shorten_it(broker_url: str) -> None:
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


def test_without_redis_a_process_goes_on_with_a_quarter_of_the_budget(own_valkey: Valkey) -> None:
    async def use(quota: Quota) -> None:
        assert await refusals(quota, 10) == []
        own_valkey.kill()
        assert len(await refusals(quota, 20)) == 10 + 20 - 24
        await quota.block(90)
        (wait,) = await refusals(quota, 1)
        assert 88 < wait <= 90

    with_quotas(use, own_valkey.url, 100, 60)


def test_a_frozen_redis_costs_one_short_wait_and_fails_no_call(own_valkey: Valkey) -> None:
    async def use(quota: Quota) -> None:
        await acquire(quota)
        os.kill(own_valkey.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(5):
                await acquire(quota)
            assert time.monotonic() - began < 5 * REDIS_TIMEOUT_SECONDS
        finally:
            os.kill(own_valkey.process.pid, signal.SIGCONT)

    with_quotas(use, own_valkey.url, 100, 60)


def test_without_redis_each_priority_keeps_its_cap(own_valkey: Valkey) -> None:
    async def use(quota: Quota) -> None:
        own_valkey.kill()
        assert len(await refusals(quota, 30, Priority.POLLING)) == 30 - 16
        assert len(await refusals(quota, 30, Priority.OPENING)) == 30 - 3
        assert len(await refusals(quota, 30, Priority.CLOSING)) == 30 - 5

    with_quotas(use, own_valkey.url, 100, 60)


def test_a_redis_that_comes_back_is_told_of_the_calls_made_meanwhile(own_valkey: Valkey) -> None:
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
    """Wait until Redis knows of so many calls."""
    with redis.Redis.from_url(valkey.url) as client:
        await asyncio.to_thread(wait_until, lambda: client.zcard(f"bo:quota:{{test}}:{key}") == calls)


def test_an_emptied_redis_is_reminded_before_it_grants_anything(own_valkey: Valkey) -> None:
    """Every process tells its calls, also one that asks for no more, and for both windows."""

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
    """Every process that saw the 429, or was kept away by it, tells Redis of it."""

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
