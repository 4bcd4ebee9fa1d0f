"""The sliding windows that all processes share in Redis: one for all calls, one for calls about recordings.

The scripts inside Redis (take.lua, remind.lua) grant calls in one step, on the clock of Redis. pyrate-limiter's
RedisBucket, whose caller reads the clock first and counts in a second step, let 250 calls through a window of 200 with
three busy processes (measured); and no limiter that we know of has priorities.
"""

import json
import math
import secrets
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from orchestrator.broker_address import parsed
from orchestrator.realtimekit.quota.budget import Budget
from orchestrator.realtimekit.quota.memory import Attempt, ProcessMemory

REDIS_TIMEOUT_SECONDS = 1.0
PLACE_KEPT_SECONDS = 5.0
"""How long after its time a refused call keeps its place: its row has to be found due and started first."""
REDIS_PAUSE_SECONDS = 0.3
"""How long a process does without Redis after an error of it."""
REMIND_INTERVAL_SECONDS = 0.3
"""How often a process that has calls in the windows checks that Redis knows of them."""
SETTLE_SECONDS = REDIS_TIMEOUT_SECONDS + REDIS_PAUSE_SECONDS + REMIND_INTERVAL_SECONDS + 0.2
"""How long nothing is granted after a process found Redis emptied, because the others have calls to tell, too.

The last to tell is a process that has just begun to wait for the Redis that failed. This is less than
LONGEST_WAIT_SECONDS (gate.py), so calls that are asked for meanwhile wait instead of being refused.
"""

SCRIPTS = files("orchestrator.realtimekit.quota")
TAKE = SCRIPTS.joinpath("take.lua").read_text("utf-8")
REMIND = SCRIPTS.joinpath("remind.lua").read_text("utf-8")

KEY_NAMES = ("state", "gate", "kept", "calls", "queue", "recording-calls", "recording-queue")
"""In the order in which the scripts expect them."""


class SharedWindows:
    """The windows of all processes that use this Redis and `scope`; every method raises RedisError or OSError."""

    def __init__(self, redis_url: str, budgets: Sequence[Budget], scope: str, memory: ProcessMemory) -> None:
        self._redis = Redis.from_url(
            parsed(redis_url).for_redis_py,
            socket_timeout=REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._take, self._remind = self._redis.register_script(TAKE), self._redis.register_script(REMIND)
        self._keys = [f"bo:quota:{{{scope}}}:{name}" for name in KEY_NAMES]
        self._calls_key = self._keys[KEY_NAMES.index("calls")]
        self._calls_window_us = _microseconds(budgets[0].window_seconds)
        self._windows = [{"length": _microseconds(budget.window_seconds), "caps": budget.caps()} for budget in budgets]
        self._memory = memory
        self._epoch = ""

    async def take(self, attempts: Sequence[Attempt]) -> list[float]:
        """Ask for calls; return for each the seconds to wait, 0 when it is granted.

        Without any attempts it still tells Redis which calls were answered, and all calls that Redis has lost.
        """
        request = json.dumps(self._take_request(attempts))
        try:
            while not (reply := await self._take(self._keys, [self._known_epoch, request])):
                await self.remind()
        except (RedisError, OSError):
            self._memory.redis_is_behind = True
            raise
        gate_closed, *waits = reply
        self._memory.close_gate(gate_closed / 1_000_000)
        return [wait / 1_000_000 for wait in waits]

    async def remind(self) -> None:
        """Tell Redis of this process's calls and gate; where Redis knows a later time, that one stays."""
        told: dict[str, Any] = {
            "calls": [_in_microseconds(calls) for calls in self._memory.ages()],
            "gate_closed_ms": math.ceil(self._memory.gate_closed_seconds * 1000),
            "settle_ms": int(SETTLE_SECONDS * 1000),
        }
        self._memory.redis_is_behind = False
        try:
            epoch = await self._remind(self._keys, [secrets.token_hex(8), json.dumps(told)])
        except (RedisError, OSError):
            self._memory.redis_is_behind = True
            raise
        self._epoch = epoch.decode()

    async def used(self) -> int:
        """Return how many calls are in the window that ends now."""
        seconds, microseconds = await self._redis.time()
        start = seconds * 1_000_000 + microseconds - self._calls_window_us
        return int(await self._redis.zcount(self._calls_key, f"({start}", "+inf"))

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    @property
    def _known_epoch(self) -> str:
        """The epoch of the last reminder; none while Redis is behind, so that the script asks for another reminder."""
        return "" if self._memory.redis_is_behind else self._epoch

    def _take_request(self, attempts: Sequence[Attempt]) -> dict[str, Any]:
        answered = self._memory.pop_newly_answered()
        return {
            "windows": [
                {**window, "answered": _in_microseconds(calls)}
                for window, calls in zip(self._windows, answered, strict=True)
            ],
            "place_kept": _microseconds(PLACE_KEPT_SECONDS),
            "calls": [
                {
                    "id": call_id,
                    "queue_name": request.queue_name,
                    "priority": request.priority,
                    "windows": request.windows,
                }
                for request, call_id in attempts
            ],
        }


def _in_microseconds(calls: Sequence[tuple[str, float]]) -> list[tuple[str, int]]:
    return [(call_id, _microseconds(age)) for call_id, age in calls]


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)
