"""Quotas like those of several processes, and ways to ask them for calls."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.quota.budget import Budget, QuotaRequest, usable_of
from orchestrator.realtimekit.quota.gate import Quota
from orchestrator.realtimekit.quota.priority import Priority

_numbers = count()


def quota_of(url: str, limit: int, window: float, scope: str = "test", recordings: int = 1000) -> Quota:
    """Build a quota like that of one process."""
    return Quota(url, Budget(usable_of(limit), window), Budget(recordings, 50), scope)


def with_quotas(
    use: Callable[..., Awaitable[None]], url: str, limit: int, window: float, *, many: int = 1, recordings: int = 1000
) -> None:
    """Run `use` with `many` quotas that share a window, like those of as many processes."""

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
    """Wait until a call may go out; OutOfQuota when that takes too long."""
    request = QuotaRequest.of(operation, priority, next(_numbers) if what is None else what)
    while wait := (await quota.take(request)).wait_seconds:  # noqa: ASYNC110 - each answer says how long to sleep
        await asyncio.sleep(wait)


async def refusals(
    quota: Quota, calls: int, priority: Priority = Priority.CLOSING, operation: str = "kick"
) -> list[float]:
    """Ask for so many calls at once; return the `retry_after` of each refused one, sorted."""
    asked = (acquire(quota, priority, operation) for _ in range(calls))
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(result is None or isinstance(result, OutOfQuota) for result in results), results
    return sorted(result.retry_after for result in results if isinstance(result, OutOfQuota))
