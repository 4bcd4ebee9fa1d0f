"""The gate that every call passes: one budget for all worker processes, counted as Cloudflare counts.

Cloudflare allows 1,200 calls in 5 minutes for each token, and blocks everything for 5 minutes beyond that (Cloudflare
docs). A token bucket would not do, because its burst plus its refill exceed such a window.
"""

import asyncio
import contextvars
import hashlib
import secrets
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from redis.exceptions import RedisError

from orchestrator import metrics
from orchestrator.errors import OutOfQuota
from orchestrator.log import logger
from orchestrator.realtimekit.quota.budget import Budget, QuotaRequest, usable_of
from orchestrator.realtimekit.quota.memory import Attempt, ProcessMemory
from orchestrator.realtimekit.quota.window import REDIS_PAUSE_SECONDS, REMIND_INTERVAL_SECONDS, SharedWindows
from orchestrator.settings import Settings

log = logger(__name__)

LONGEST_WAIT_SECONDS = 2.0
"""A call that has to wait for longer is refused: its row becomes due at that time, and the thread is free till then."""
MAX_CALLS_PER_ROUND_TRIP = 100


@dataclass(frozen=True)
class Decision:
    """Whether the call may go out now; if not, it is to be asked for again in `wait_seconds`."""

    call_id: str
    wait_seconds: float

    @property
    def granted(self) -> bool:
        """Whether the call may go out now."""
        return not self.wait_seconds


Waiting = tuple[Attempt, "asyncio.Future[float]"]


class Quota:
    """Decides when calls go out; any number of processes share the windows through `redis_url` and `scope`.

    An object belongs to one event loop. Calls that are asked for at the same time go to Redis in one round trip. An
    error of Redis never fails a call: the process goes on with a share of its own.
    """

    def __init__(self, redis_url: str, calls: Budget, recordings: Budget, scope: str = "") -> None:
        self._memory = ProcessMemory([calls, recordings])
        self._shared = SharedWindows(redis_url, [calls, recordings], scope, self._memory)
        process = secrets.token_hex(6)
        self._call_ids = (f"{process}:{number}" for number in count())
        self._redis_paused_until = 0.0
        self._waiting: list[Waiting] = []
        self._decider: asyncio.Task[None] | None = None
        self._reminder: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Quota":
        """Build the quota of the token in `settings`; another token, or another RealtimeKit, has another budget."""
        token = f"{settings.realtimekit_base_url} {settings.realtimekit_api_token.get_secret_value()}"
        calls = usable_of(settings.realtimekit_requests_per_5_minutes)
        recordings = usable_of(settings.realtimekit_recording_requests)
        return cls(
            settings.broker,
            Budget(calls, settings.realtimekit_quota_window_seconds),
            Budget(recordings, settings.realtimekit_recording_window_seconds),
            scope=hashlib.sha256(token.encode()).hexdigest()[:12],
        )

    async def take(self, request: QuotaRequest) -> Decision:
        """Ask for the right to make one call; OutOfQuota when it would wait for more than LONGEST_WAIT_SECONDS."""
        decided: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        call_id = next(self._call_ids)
        self._waiting.append(((request, call_id), decided))
        if self._decider is None:
            self._decider = _start_without_context(self._decide_all())
        wait = await decided
        label = request.priority.name.lower()
        if wait > LONGEST_WAIT_SECONDS:
            metrics.QUOTA_REFUSED.labels(label).inc()
            raise _out_of_quota(wait)
        if wait:
            metrics.QUOTA_WAITED.labels(label).inc(wait)
        else:
            metrics.QUOTA_GRANTED.labels(label).inc()
        return Decision(call_id, wait)

    async def opened(self) -> None:
        """Wait until no 429 keeps calls back; OutOfQuota when that would be for more than LONGEST_WAIT_SECONDS.

        A call that was granted before the 429, and has yet to be sent, would be answered 429 too.
        """
        while wait := self._memory.gate_closed_seconds:
            if wait > LONGEST_WAIT_SECONDS:
                raise _out_of_quota(wait)
            await asyncio.sleep(wait)

    def answered(self, call_id: str) -> None:
        """Note that a granted call is over, because RealtimeKit may have counted it as late as now."""
        self._memory.answered(call_id)

    async def used(self) -> int:
        """Return how many calls of all processes are in the window now; raises RedisError or OSError."""
        return await self._shared.used()

    async def block(self, seconds: float) -> None:
        """Keep all processes from calling for `seconds`, after a 429; a longer block stays."""
        metrics.RATE_LIMITED.inc()
        log.warning("realtimekit answered 429", blocked_seconds=seconds)
        self._memory.close_gate(seconds)
        self._start_reminder()
        try:
            await self._shared.remind()
        except (RedisError, OSError) as error:
            self._pause_redis(error)

    async def close(self) -> None:
        """Close the connection to Redis."""
        if self._reminder is not None:
            self._reminder.cancel()
        await self._shared.close()

    async def _decide_all(self) -> None:
        try:
            while self._waiting:
                self._waiting.sort(key=lambda waiting: waiting[0][0].priority)
                batch = self._waiting[:MAX_CALLS_PER_ROUND_TRIP]
                del self._waiting[: len(batch)]
                await self._decide(batch)
        finally:
            self._decider = None

    async def _decide(self, batch: list[Waiting]) -> None:
        """Give each caller its wait, or the error; a caller that was cancelled meanwhile gets neither."""
        try:
            waits = await self._take([attempt for attempt, _ in batch])
        except Exception as error:
            for _, decided in batch:
                if not decided.done():
                    decided.set_exception(error)
            return
        for (_, decided), wait in zip(batch, waits, strict=True):
            if not decided.done():
                decided.set_result(wait)

    async def _take(self, attempts: Sequence[Attempt]) -> list[float]:
        self._start_reminder()
        if time.monotonic() < self._redis_paused_until:
            return self._take_without_redis(attempts)
        try:
            waits = await self._shared.take(attempts)
        except (RedisError, OSError) as error:
            self._pause_redis(error)
            return self._take_without_redis(attempts)
        for (request, call_id), wait in zip(attempts, waits, strict=True):
            if not wait:
                self._memory.add(request, call_id)
        return waits

    def _take_without_redis(self, attempts: Sequence[Attempt]) -> list[float]:
        for request, _ in attempts:
            metrics.QUOTA_WITHOUT_REDIS.labels(request.priority.name.lower()).inc()
        return self._memory.take(attempts)

    def _pause_redis(self, error: Exception) -> None:
        log.warning("quota goes on without redis", error=str(error))
        self._redis_paused_until = time.monotonic() + REDIS_PAUSE_SECONDS

    def _start_reminder(self) -> None:
        if self._reminder is None:
            self._reminder = _start_without_context(self._keep_redis_reminded())

    async def _keep_redis_reminded(self) -> None:
        """Check that Redis knows this process's calls, even while it asks for none.

        Other processes go on asking, and an emptied Redis would grant them what this process has spent.
        """
        try:
            await asyncio.sleep(REMIND_INTERVAL_SECONDS)
            while self._memory.has_something():
                if time.monotonic() >= self._redis_paused_until:
                    await self._remind_redis()
                await asyncio.sleep(REMIND_INTERVAL_SECONDS)
        finally:
            self._reminder = None

    async def _remind_redis(self) -> None:
        try:
            await self._shared.take([])
        except (RedisError, OSError) as error:
            self._pause_redis(error)


def _out_of_quota(wait: float) -> OutOfQuota:
    return OutOfQuota(f"no call to RealtimeKit is free for {wait:.1f} s", retry_after=wait)


def _start_without_context(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task with an empty logging context, so its lines do not carry the request that happened to start it."""
    return asyncio.create_task(coroutine, context=contextvars.Context())
