"""The sliding windows that all processes share, in Redis: one for all calls, one for those of recordings besides.

The step that grants is a script inside Redis, on the clock of Redis. pyrate-limiter's RedisBucket, whose caller reads
the clock first and counts in a second step, let 250 calls through a window of 200 with three busy processes (measured);
and no limiter that we know of has priorities.
"""

import json
import math
import secrets
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from orchestrator.realtimekit.quota.budget import Budget
from orchestrator.realtimekit.quota.own import Named, OwnCalls

REDIS_SECONDS = 1.0
"""How long Redis may take to answer."""
KEPT_SECONDS = 5.0
"""How long after its turn a call keeps its place: its row has to be found due and started first."""
REST_SECONDS = 0.3
"""How long Redis is left alone after it failed."""
WATCH_SECONDS = 0.3
"""How often a process that has calls in the window sees to it that Redis knows of them."""
SETTLE_SECONDS = REDIS_SECONDS + REST_SECONDS + WATCH_SECONDS + 0.2
"""Nothing is granted for so long when Redis had to be reminded: the other processes have theirs to tell, too.

One that has just begun to wait for the Redis that was takes the longest. Less than PATIENCE_SECONDS (quota.py): whoever
asks meanwhile waits.
"""

TAKE = """
-- A call is granted when its window has room for it and for all that wait before it. One that is refused waits in a
-- queue, by priority and then by arrival: a slot that gets free is left to the first, whichever process asks meanwhile.
-- Lower priorities are refused at a lower fill, so what is above that stays for the higher ones. RealtimeKit counts a
-- call at some moment between its grant and its answer, so it is from its answer on that a call grows old here.
--
-- KEYS: state (epoch, arrivals), gate that a 429 closes, kept (name: until when its place is), and for each budget
--   its calls (score: when) and its queue (score: priority and arrival)
-- ARGV: the epoch that the caller knows, and as JSON: budgets {window, caps by priority, calls that were answered {id,
--   age}}, grace, and the calls asked for {id, name, priority, number of budgets}
-- Gives, in microseconds, {for how long the gate is closed, wait of the first call (0: granted), of the second ...}, or
-- nothing when the caller has to tell of its calls first, as this Redis may have lost them.
local state, gate, kept = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HGET', state, 'epoch') ~= ARGV[1] then return {} end
local asked = cjson.decode(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local opens = now + math.max(0, redis.call('PTTL', gate)) * 1000
local CLASS = 2 ^ 40

for number, budget in ipairs(asked.budgets) do
  budget.calls, budget.queue = KEYS[2 + 2 * number], KEYS[3 + 2 * number]
  for _, call in ipairs(budget.answered) do redis.call('ZADD', budget.calls, 'XX', 'GT', now - call[2], call[1]) end
  redis.call('ZREMRANGEBYSCORE', budget.calls, '-inf', now - budget.window)
  budget.used = redis.call('ZCARD', budget.calls)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', kept, '-inf', now)) do redis.call('ZREM', budget.queue, name) end
end
redis.call('ZREMRANGEBYSCORE', kept, '-inf', now)

-- When the call may go out as far as this budget goes: as many calls have to leave the window as stand before it, at
-- first those that are in it, then those that are about to take what is free now, and so on in every window.
local function turn_of(call, budget)
  local cap, used = budget.caps[call.priority + 1], budget.used
  local score = redis.call('ZSCORE', budget.queue, call.name)
  if not score or math.floor(score / CLASS) ~= call.priority then
    score = call.priority * CLASS + redis.call('HINCRBY', state, 'arrivals', 1)
    redis.call('ZADD', budget.queue, score, call.name)
  end
  local place = used + redis.call('ZRANK', budget.queue, call.name) - cap
  if place < 0 then return opens end
  local fill = math.max(cap, used)
  local index = place % fill
  local since = redis.call('ZRANGE', budget.calls, index, index, 'WITHSCORES')[2] or opens
  return math.max(opens, since + budget.window * math.floor(place / fill + 1))
end

local reply = {opens - now}
for _, call in ipairs(asked.calls) do
  local turns, turn = {}, now
  for b = 1, call.budgets do
    turns[b] = turn_of(call, asked.budgets[b])
    turn = math.max(turn, turns[b])
  end
  for b = 1, call.budgets do  -- what waits for one budget holds up nobody in the other
    if turn <= now or turns[b] < turn then redis.call('ZREM', asked.budgets[b].queue, call.name) end
  end
  if turn <= now then
    redis.call('ZREM', kept, call.name)
    for b = 1, call.budgets do
      redis.call('ZADD', asked.budgets[b].calls, now, call.id)
      asked.budgets[b].used = asked.budgets[b].used + 1
    end
  else
    redis.call('ZADD', kept, turn + asked.grace, call.name)
  end
  reply[#reply + 1] = turn - now
end
for _, key in ipairs(KEYS) do
  if key ~= gate then redis.call('PEXPIRE', key, 86400000) end
end
return reply
"""

REMIND = """
-- KEYS as above. ARGV: an epoch, should there be none; and as JSON: for each budget the calls {id, age in microseconds}
-- of one process, for how many milliseconds it knows the gate to be closed, and how long to settle. Gives the epoch.
local known = cjson.decode(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local closed, forgotten = known.closed, 0
for number, calls in ipairs(known.calls) do
  for _, call in ipairs(calls) do
    forgotten = forgotten + redis.call('ZADD', KEYS[2 + 2 * number], 'GT', now - call[2], call[1])
  end
end
if forgotten > 0 then closed = math.max(closed, known.settle) end
if closed > math.max(0, redis.call('PTTL', KEYS[2])) then redis.call('SET', KEYS[2], 1, 'PX', closed) end
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
return redis.call('HGET', KEYS[1], 'epoch')
"""


class SharedWindow:
    """The budgets of all processes that use this Redis and `scope`; every method raises RedisError or OSError."""

    def __init__(self, redis_url: str, budgets: Sequence[Budget], scope: str, own: OwnCalls) -> None:
        self._redis = Redis.from_url(
            redis_url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._take, self._remind = self._redis.register_script(TAKE), self._redis.register_script(REMIND)
        parts = ("state", "gate", "kept", "calls", "queue", "recording-calls", "recording-queue")
        self._keys = [f"bo:quota:{{{scope}}}:{part}" for part in parts]
        self._calls_key = self._keys[parts.index("calls")]
        self._window = _microseconds(budgets[0].seconds)
        self._budgets = [{"window": _microseconds(budget.seconds), "caps": budget.caps()} for budget in budgets]
        self._own = own
        self._epoch = ""

    async def take(self, asks: Sequence[Named]) -> list[float]:
        """Ask for calls; for each the seconds until its turn, 0 when it is granted.

        Without any it still tells Redis what was answered, and all that it has lost.
        """
        asked = {
            "budgets": [
                {**budget, "answered": _in_microseconds(calls)}
                for budget, calls in zip(self._budgets, self._own.newly_answered(), strict=True)
            ],
            "grace": _microseconds(KEPT_SECONDS),
            "calls": [
                {"id": name, "name": ask.name, "priority": ask.priority, "budgets": ask.budgets} for ask, name in asks
            ],
        }
        try:
            while not (reply := await self._take(self._keys, [self._known_epoch, json.dumps(asked)])):
                await self.remind()
        except (RedisError, OSError):
            self._own.untold = True
            raise
        closed, *waits = reply
        self._own.close_gate(closed / 1_000_000)
        return [wait / 1_000_000 for wait in waits]

    async def remind(self) -> None:
        """Tell Redis of this process's calls, and of the gate as it knows it; a later answer or opening stays."""
        known: dict[str, Any] = {
            "calls": [_in_microseconds(calls) for calls in self._own.ages()],
            "closed": math.ceil(self._own.closed_for * 1000),
            "settle": int(SETTLE_SECONDS * 1000),
        }
        self._own.untold = False
        try:
            epoch = await self._remind(self._keys, [secrets.token_hex(8), json.dumps(known)])
        except (RedisError, OSError):
            self._own.untold = True
            raise
        self._epoch = epoch.decode()

    async def used(self) -> int:
        """How many calls were granted within the window that ends now."""
        seconds, microseconds = await self._redis.time()
        start = seconds * 1_000_000 + microseconds - self._window
        return int(await self._redis.zcount(self._calls_key, f"({start}", "+inf"))

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    @property
    def _known_epoch(self) -> str:
        return "" if self._own.untold else self._epoch


def _in_microseconds(calls: Sequence[tuple[str, float]]) -> list[tuple[str, int]]:
    return [(name, _microseconds(age)) for name, age in calls]


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)
