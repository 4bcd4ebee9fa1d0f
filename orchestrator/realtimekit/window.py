"""The sliding window behind the quota: one in Redis for all processes, and one of its own for when Redis is away.

The step that grants is a script inside Redis, on the clock of Redis. pyrate-limiter's RedisBucket, whose caller reads
the clock first and counts in a second step, let 250 calls through a window of 200 with three busy processes (measured).
"""

import math
import secrets
import time
from collections import deque
from itertools import count

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

REDIS_SECONDS = 1.0
"""How long Redis may take to answer."""

GRANT = """
-- KEYS: granted calls (score: when), promised turns (score: when), the gate that a 429 closes
-- ARGV: limit, window in microseconds, how many calls are asked for, a name that no other request has
-- Gives {now, calls in the window, granted, wait of the first refused, wait of the second, ...}; times in microseconds.
local limit, window, n, name = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local closed = redis.call('PTTL', KEYS[3])
if closed > 0 then
  local reply = {now, 0, 0}
  for _ = 1, n do reply[#reply + 1] = closed * 1000 end
  return reply
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local used = redis.call('ZCARD', KEYS[1])
local granted = math.max(0, math.min(n, limit - used))
for i = 1, granted do redis.call('ZADD', KEYS[1], now, name .. ':' .. i) end
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
used = used + granted
local reply = {now, used, granted}

-- Each one refused gets a turn of its own, when the call expires that is as far from the oldest as it is from the head
-- of the queue; else all would come back for the same slot.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local promised = redis.call('ZCARD', KEYS[2])
for i = granted + 1, n do
  local place = used - limit + promised
  local expiring = redis.call('ZRANGE', KEYS[1], place % used, place % used, 'WITHSCORES')
  local turn = expiring[2] + window * (1 + math.floor(place / used))
  redis.call('ZADD', KEYS[2], turn, name .. ':' .. i)
  promised = promised + 1
  reply[#reply + 1] = turn - now
end
redis.call('PEXPIRE', KEYS[2], math.ceil(window / 1000) * 2)
return reply
"""


class SharedWindow:
    """The window of all processes that use this Redis and `scope`; every method raises RedisError or OSError."""

    def __init__(self, redis_url: str, limit: int, seconds: float, scope: str) -> None:
        self._redis = Redis.from_url(
            redis_url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._grant = self._redis.register_script(GRANT)
        self._calls, self._turns, self._gate = (f"bo:quota:{{{scope}}}:{part}" for part in ("calls", "turns", "gate"))
        self._limit = limit
        self._window = int(seconds * 1_000_000)
        self._names = (f"{secrets.token_hex(4)}:{number}" for number in count())
        self._mine: deque[tuple[int, str]] = deque()

    async def take(self, calls: int) -> list[float]:
        """Ask for so many calls; for each the seconds until its turn, 0 when it is granted."""
        name = next(self._names)
        now, used, granted, *waits = await self._grant(
            keys=[self._calls, self._turns, self._gate], args=[self._limit, self._window, calls, name]
        )
        if granted:
            self._mine.extend((now, f"{name}:{number}") for number in range(1, granted + 1))
            await self._remind(now, used)
        return [0.0] * granted + [wait / 1_000_000 for wait in waits]

    async def used(self) -> int:
        """How many calls were granted within the window that ends now."""
        seconds, microseconds = await self._redis.time()
        start = seconds * 1_000_000 + microseconds - self._window
        return int(await self._redis.zcount(self._calls, f"({start}", "+inf"))

    async def close_gate(self, seconds: float) -> float:
        """Grant nothing to anyone for so long; a longer closure stays. Gives the seconds that it is closed now."""
        milliseconds = max(1, math.ceil(seconds * 1000))
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(self._gate, 1, px=milliseconds, nx=True)
            pipeline.pexpire(self._gate, milliseconds, gt=True)
            pipeline.pttl(self._gate)
            *_, left = await pipeline.execute()
        return float(left) / 1000

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _remind(self, now: int, used: int) -> None:
        """Tell a Redis that was emptied or replaced of this process's calls; known ones are only set again."""
        while self._mine[0][0] <= now - self._window:
            self._mine.popleft()
        if used < len(self._mine):
            await self._redis.zadd(self._calls, {name: at for at, name in self._mine})


class OwnWindow:
    """The calls of this process alone, on its own monotonic clock."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = max(1, limit)
        self._seconds = seconds
        self._times: deque[float] = deque()

    def note(self, calls: int) -> None:
        """Remember calls that were granted elsewhere."""
        now = time.monotonic()
        self._forget(now)
        self._times.extend([now] * calls)

    def take(self, calls: int) -> list[float]:
        """As SharedWindow.take."""
        now = time.monotonic()
        self._forget(now)
        granted = max(0, min(calls, self._limit - len(self._times)))
        self._times.extend([now] * granted)
        oldest = max(0, len(self._times) - self._limit)
        last = len(self._times) - 1
        turns = [self._times[min(oldest + place, last)] for place in range(calls - granted)]
        return [0.0] * granted + [turn + self._seconds - now for turn in turns]

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
