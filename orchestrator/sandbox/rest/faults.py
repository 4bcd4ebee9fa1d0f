"""Faults by operation, Cloudflare's limit on calls, and latency."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from orchestrator.sandbox.rest.responses import Response, gateway_error
from orchestrator.sandbox.world.config import Budget, Fault, Latency
from orchestrator.sandbox.world.state import now
from orchestrator.sandbox.world.values import JSON

RATE_LIMIT_CODE = 971


def too_many_requests(retry_after: float | None) -> Response:
    """Return Cloudflare's 429."""
    return gateway_error(429, RATE_LIMIT_CODE, "Please wait and consider throttling your request speed", retry_after)


@dataclass(slots=True)
class ArmedFault:
    """A fault, and how many calls it matched (`met`) and how many it spoiled (`struck`)."""

    fault: Fault
    met: int = 0
    struck: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.fault.seed)  # noqa: S311 - repeatable luck, guards nothing

    def strikes(self, operation: str, match_text: Callable[[], str]) -> bool:
        """Whether the fault spoils this call; counts the call."""
        fault = self.fault
        if fault.operation not in {"*", operation} or (fault.times is not None and self.struck >= fault.times):
            return False
        if fault.match is not None and fault.match not in match_text():
            return False
        self.met += 1
        if self.met <= fault.skip or (fault.probability < 1 and self.chance.random() >= fault.probability):
            return False
        self.struck += 1
        return True


class Faults:
    """The faults in force; the first that strikes a call is used."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._released = asyncio.Event()
        self.replace(faults)

    async def hold(self) -> None:
        """Wait until the faults are replaced."""
        await self._released.wait()

    def replace(self, faults: Iterable[Fault]) -> None:
        """Replace all faults, and let the calls go on that those until now hold."""
        self._released.set()
        self._released = asyncio.Event()
        self._armed = [ArmedFault(fault) for fault in faults]

    def pick(self, operation: str, match_text: Callable[[], str]) -> Fault | None:
        """Return the fault that strikes this call, if any."""
        return next((armed.fault for armed in self._armed if armed.strikes(operation, match_text)), None)

    def show(self) -> JSON:
        """Return the faults with their counts."""
        counted = ({"met": armed.met, "struck": armed.struck} for armed in self._armed)
        rules = (armed.fault.model_dump(mode="json") for armed in self._armed)
        return {"faults": [rule | counts for rule, counts in zip(rules, counted, strict=True)]}


class RateLimit:
    """Cloudflare's limit on calls; a call beyond it blocks all calls for a while (429)."""

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self.max_calls_in_window, self.turned_away = 0, 0

    def block(self, seconds: float) -> None:
        """Answer 429 to every call for so long."""
        self._blocked_until = max(self._blocked_until, now() + seconds)

    def pass_through(self) -> Response | None:
        """Count a call; return a 429 when it may not pass."""
        moment = now()
        if moment >= self._blocked_until and self._budget:
            self._count(self._budget, moment)
        if moment >= self._blocked_until:
            return None
        self.turned_away += 1
        return too_many_requests(self._blocked_until - moment)

    def show(self) -> JSON:
        """Return the budget, the most calls that were in a window, and how many calls got a 429."""
        budget = self._budget.model_dump() if self._budget else None
        blocked = max(0.0, self._blocked_until - now())
        return {
            "budget": budget,
            "most": self.max_calls_in_window,
            "turned_away": self.turned_away,
            "blocked_seconds": blocked,
        }

    def _count(self, budget: Budget, moment: float) -> None:
        while self._recent and self._recent[0] <= moment - budget.window_seconds:
            self._recent.popleft()
        if len(self._recent) >= budget.calls:
            self._recent.clear()
            self.block(budget.block_seconds)
            return
        self._recent.append(moment)
        self.max_calls_in_window = max(self.max_calls_in_window, len(self._recent))


class Delays:
    """How long calls take."""

    def __init__(self, latency: Latency) -> None:
        self.latency = latency
        self._random = random.Random(0)  # noqa: S311 - jitter, guards nothing

    def seconds(self, operation: str) -> float:
        """Return the delay of one call."""
        latency = self.latency
        milliseconds = latency.operations.get(operation, latency.default_ms)
        if latency.jitter_ms:
            milliseconds += self._random.random() * latency.jitter_ms
        return milliseconds / 1000
