"""One budget of calls for all worker processes, as Cloudflare counts them: a sliding window.

Cloudflare allows 1,200 calls in 5 minutes for each token and blocks everything for 5 minutes beyond that (Cloudflare
docs). A token bucket would not do: its burst plus its refill exceed a window.
"""

import asyncio
import contextvars
import hashlib
import time

from redis.exceptions import RedisError

from orchestrator import metrics
from orchestrator.errors import OutOfQuota
from orchestrator.log import logger
from orchestrator.realtimekit.priority import Priority
from orchestrator.realtimekit.window import OwnWindow, SharedWindow
from orchestrator.settings import Settings

log = logger(__name__)

USABLE = 0.97
"""The rest is for the time between our grant and Cloudflare's own count."""
PATIENCE_SECONDS = 2.0
"""A longer wait is the caller's: it keeps the time of its turn and gives its thread back."""
SHARE_WITHOUT_REDIS = 4
"""One process may use a quarter of the budget then; without the broker few tasks reach the others anyway."""
REST_SECONDS = 1.0
"""How long Redis is left alone after it failed."""
MOST_AT_ONCE = 100


def usable_of(limit: int) -> int:
    """How many of RealtimeKit's calls per window are given out."""
    return max(1, int(limit * USABLE))


class Quota:
    """Belongs to one event loop; any number of processes share the window through `redis_url` and `scope`.

    Calls that are asked for at the same time go to Redis together, in one round trip. A Redis that fails never costs a
    call: the process goes on with a share of its own.
    """

    def __init__(self, redis_url: str, limit: int, window_seconds: float, scope: str = "") -> None:
        usable = usable_of(limit)
        self._shared = SharedWindow(redis_url, usable, window_seconds, scope)
        self._own = OwnWindow(usable // SHARE_WITHOUT_REDIS, window_seconds)
        self._closed_until = 0.0
        self._redis_rests_until = 0.0
        self._asking: list[asyncio.Future[float]] = []
        self._asker: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Quota":
        """The budget of the token in `settings`; another token, or another RealtimeKit, has another budget."""
        token = f"{settings.realtimekit_base_url} {settings.realtimekit_api_token.get_secret_value()}"
        return cls(
            settings.broker,
            settings.realtimekit_requests_per_5_minutes,
            settings.realtimekit_quota_window_seconds,
            scope=hashlib.sha256(token.encode()).hexdigest()[:12],
        )

    async def acquire(self, priority: Priority) -> None:  # noqa: ARG002 - all are equal as long as nothing is reserved
        """Wait for the right to make one call; OutOfQuota when that would take more than two seconds."""
        while wait := await self._ask():
            if wait > PATIENCE_SECONDS:
                metrics.QUOTA_REFUSED.inc()
                raise OutOfQuota(f"no call to RealtimeKit is free for {wait:.1f} s", retry_after=wait)
            metrics.QUOTA_WAITED.inc(wait)
            await asyncio.sleep(wait)
        metrics.QUOTA_GRANTED.inc()

    async def used(self) -> int:
        """How many calls of all processes the window holds now; raises RedisError or OSError."""
        return await self._shared.used()

    async def block(self, seconds: float) -> None:
        """RealtimeKit answered 429: no process calls it for `seconds`; a longer block stays."""
        metrics.RATE_LIMITED.inc()
        log.warning("realtimekit answered 429", blocked_seconds=seconds)
        self._close_gate(seconds)
        try:
            self._close_gate(await self._shared.close_gate(seconds))
        except (RedisError, OSError) as error:
            self._let_redis_rest(error)

    async def close(self) -> None:
        """Close the connection to Redis."""
        await self._shared.close()

    async def _ask(self) -> float:
        """Seconds until this call's turn; 0 when it may go out now."""
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._asking.append(answer)
        if self._asker is None:
            nobodys = contextvars.Context()  # it asks for many: none of them is whom its log lines are about
            self._asker = asyncio.create_task(self._ask_for_all(), context=nobodys)
        return await answer

    async def _ask_for_all(self) -> None:
        try:
            while batch := self._asking[:MOST_AT_ONCE]:
                del self._asking[: len(batch)]
                await self._answer(batch)
        finally:
            self._asker = None

    async def _answer(self, batch: list[asyncio.Future[float]]) -> None:
        """Tell each its wait, or what went wrong; callers that were cancelled meanwhile want neither."""
        try:
            waits = await self._take(len(batch))
        except Exception as error:
            for answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for answer, wait in zip(batch, waits, strict=True):
            if not answer.done():
                answer.set_result(wait)

    async def _take(self, calls: int) -> list[float]:
        now = time.monotonic()
        if now < self._closed_until:
            return [self._closed_until - now] * calls
        if now < self._redis_rests_until:
            return self._take_own(calls)
        try:
            waits = await self._shared.take(calls)
        except (RedisError, OSError) as error:
            self._let_redis_rest(error)
            return self._take_own(calls)
        self._own.note(waits.count(0.0))
        return waits

    def _take_own(self, calls: int) -> list[float]:
        metrics.QUOTA_WITHOUT_REDIS.inc(calls)
        return self._own.take(calls)

    def _close_gate(self, seconds: float) -> None:
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)

    def _let_redis_rest(self, error: Exception) -> None:
        log.warning("quota goes on without redis", error=str(error))
        self._redis_rests_until = time.monotonic() + REST_SECONDS
