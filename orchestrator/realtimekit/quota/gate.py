"""One budget of calls for all worker processes, as Cloudflare counts them: a sliding window, and who goes first in it.

Cloudflare allows 1,200 calls in 5 minutes for each token and blocks everything for 5 minutes beyond that (Cloudflare
docs). A token bucket would not do: its burst plus its refill exceed a window.
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
from orchestrator.realtimekit.quota.budget import Ask, Budget, usable_of
from orchestrator.realtimekit.quota.own import Named, OwnCalls
from orchestrator.realtimekit.quota.window import REST_SECONDS, WATCH_SECONDS, SharedWindow
from orchestrator.settings import Settings

log = logger(__name__)

PATIENCE_SECONDS = 2.0
"""A longer wait is the caller's: it keeps the time of its turn and gives its thread back."""
MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Turn:
    """What became of an asking: `call` may go out now, or it is to ask again in `wait` seconds."""

    call: str
    wait: float


Asking = tuple[Named, "asyncio.Future[float]"]


class Quota:
    """Belongs to one event loop; any number of processes share the windows through `redis_url` and `scope`.

    Calls that are asked for at the same time go to Redis together, in one round trip. A Redis that fails never costs a
    call: the process goes on with a share of its own.
    """

    def __init__(self, redis_url: str, calls: Budget, recordings: Budget, scope: str = "") -> None:
        self._own = OwnCalls([calls, recordings])
        self._shared = SharedWindow(redis_url, [calls, recordings], scope, self._own)
        process = secrets.token_hex(6)
        self._names = (f"{process}:{number}" for number in count())
        self._redis_rests_until = 0.0
        self._asking: list[Asking] = []
        self._asker: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Quota":
        """The budget of the token in `settings`; another token, or another RealtimeKit, has another budget."""
        token = f"{settings.realtimekit_base_url} {settings.realtimekit_api_token.get_secret_value()}"
        calls = usable_of(settings.realtimekit_requests_per_5_minutes)
        recordings = usable_of(settings.realtimekit_recording_requests)
        return cls(
            settings.broker,
            Budget(calls, settings.realtimekit_quota_window_seconds),
            Budget(recordings, settings.realtimekit_recording_window_seconds),
            scope=hashlib.sha256(token.encode()).hexdigest()[:12],
        )

    async def take(self, ask: Ask) -> Turn:
        """Ask for the right to make one call; OutOfQuota when its turn is more than two seconds away."""
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        name = next(self._names)
        self._asking.append(((ask, name), answer))
        if self._asker is None:
            self._asker = _nobodys_task(self._ask_for_all())
        wait = await answer
        label = ask.priority.name.lower()
        if wait > PATIENCE_SECONDS:
            metrics.QUOTA_REFUSED.labels(label).inc()
            raise OutOfQuota(f"no call to RealtimeKit is free for {wait:.1f} s", retry_after=wait)
        if wait:
            metrics.QUOTA_WAITED.labels(label).inc(wait)
        else:
            metrics.QUOTA_GRANTED.labels(label).inc()
        return Turn(name, wait)

    def answered(self, call: str) -> None:
        """To be said of each call that was let out: RealtimeKit may have counted it as late as now."""
        self._own.answered(call)

    async def used(self) -> int:
        """How many calls of all processes the window holds now; raises RedisError or OSError."""
        return await self._shared.used()

    async def block(self, seconds: float) -> None:
        """RealtimeKit answered 429: no process calls it for `seconds`; a longer block stays."""
        metrics.RATE_LIMITED.inc()
        log.warning("realtimekit answered 429", blocked_seconds=seconds)
        self._own.close_gate(seconds)
        self._watch()
        try:
            await self._shared.remind()
        except (RedisError, OSError) as error:
            self._let_redis_rest(error)

    async def close(self) -> None:
        """Close the connection to Redis."""
        if self._watcher is not None:
            self._watcher.cancel()
        await self._shared.close()

    async def _ask_for_all(self) -> None:
        try:
            while self._asking:
                self._asking.sort(key=lambda asking: asking[0][0].priority)
                batch = self._asking[:MOST_AT_ONCE]
                del self._asking[: len(batch)]
                await self._answer(batch)
        finally:
            self._asker = None

    async def _answer(self, batch: list[Asking]) -> None:
        """Tell each its wait, or what went wrong; callers that were cancelled meanwhile want neither."""
        try:
            waits = await self._take([named for named, _ in batch])
        except Exception as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), wait in zip(batch, waits, strict=True):
            if not answer.done():
                answer.set_result(wait)

    async def _take(self, asks: Sequence[Named]) -> list[float]:
        self._watch()
        if time.monotonic() < self._redis_rests_until:
            return self._take_own(asks)
        try:
            waits = await self._shared.take(asks)
        except (RedisError, OSError) as error:
            self._let_redis_rest(error)
            return self._take_own(asks)
        for (ask, name), wait in zip(asks, waits, strict=True):
            if not wait:
                self._own.note(ask, name)
        return waits

    def _take_own(self, asks: Sequence[Named]) -> list[float]:
        for ask, _ in asks:
            metrics.QUOTA_WITHOUT_REDIS.labels(ask.priority.name.lower()).inc()
        return self._own.take(asks)

    def _let_redis_rest(self, error: Exception) -> None:
        log.warning("quota goes on without redis", error=str(error))
        self._redis_rests_until = time.monotonic() + REST_SECONDS

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = _nobodys_task(self._keep_redis_reminded())

    async def _keep_redis_reminded(self) -> None:
        """Also while this process asks for nothing: others do, and would be granted what it has spent."""
        try:
            await asyncio.sleep(WATCH_SECONDS)
            while self._own.remembers():
                if time.monotonic() >= self._redis_rests_until:
                    await self._try_to_remind()
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            self._watcher = None

    async def _try_to_remind(self) -> None:
        try:
            await self._shared.take([])
        except (RedisError, OSError) as error:
            self._let_redis_rest(error)


def _nobodys_task(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that works for many: none of them is whom its log lines are about."""
    return asyncio.create_task(coroutine, context=contextvars.Context())
