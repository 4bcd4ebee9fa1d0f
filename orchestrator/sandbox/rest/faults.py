"""What goes wrong on request: faults per operation, Cloudflare's budget of calls, latency."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from orchestrator.sandbox.world.answers import JSON, Answer, gateway_error
from orchestrator.sandbox.world.config import Budget, Fault, Latency
from orchestrator.sandbox.world.state import now

RATE_LIMIT_CODE = 971


def too_many(retry_after: float | None) -> Answer:
    """Cloudflare's 429."""
    return gateway_error(429, RATE_LIMIT_CODE, "Please wait and consider throttling your request speed", retry_after)


@dataclass(slots=True)
class Armed:
    """A fault and how often it was met and has struck."""

    fault: Fault
    met: int = 0
    struck: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.fault.seed)  # noqa: S311 - repeatable luck, guards nothing

    def strikes(self, operation: str, haystack: Callable[[], str]) -> bool:
        """Whether it is this call's turn; counts the call."""
        fault = self.fault
        if fault.operation not in {"*", operation} or (fault.times is not None and self.struck >= fault.times):
            return False
        if fault.match is not None and fault.match not in haystack():
            return False
        self.met += 1
        if self.met <= fault.skip or (fault.probability < 1 and self.chance.random() >= fault.probability):
            return False
        self.struck += 1
        return True


class Faults:
    """The rules in force, in order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put other rules in place of all there are."""
        self._armed = [Armed(fault) for fault in faults]

    def pick(self, operation: str, haystack: Callable[[], str]) -> Fault | None:
        """The fault that strikes this call."""
        return next((armed.fault for armed in self._armed if armed.strikes(operation, haystack)), None)

    def show(self) -> JSON:
        """The rules, with how often each was met and has struck."""
        counted = ({"met": armed.met, "struck": armed.struck} for armed in self._armed)
        rules = (armed.fault.model_dump(mode="json") for armed in self._armed)
        return {"faults": [rule | counts for rule, counts in zip(rules, counted, strict=True)]}


class Gate:
    """Cloudflare's limit on calls; beyond it everything is answered 429 for a while."""

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self.most, self.turned_away = 0, 0

    def block(self, seconds: float) -> None:
        """Turn everything away for so long."""
        self._blocked_until = max(self._blocked_until, now() + seconds)

    def pass_through(self) -> Answer | None:
        """Count a call; the 429 if it may not pass."""
        moment = now()
        if moment >= self._blocked_until and self._budget:
            self._count(self._budget, moment)
        if moment >= self._blocked_until:
            return None
        self.turned_away += 1
        return too_many(self._blocked_until - moment)

    def show(self) -> JSON:
        """The budget, the most calls that any window had, and how many calls were turned away."""
        budget = self._budget.model_dump() if self._budget else None
        blocked = max(0.0, self._blocked_until - now())
        return {"budget": budget, "most": self.most, "turned_away": self.turned_away, "blocked_seconds": blocked}

    def _count(self, budget: Budget, moment: float) -> None:
        while self._recent and self._recent[0] <= moment - budget.window_seconds:
            self._recent.popleft()
        if len(self._recent) >= budget.calls:
            self._recent.clear()
            self.block(budget.block_seconds)
            return
        self._recent.append(moment)
        self.most = max(self.most, len(self._recent))


class Clock:
    """How long each call takes."""

    def __init__(self, latency: Latency) -> None:
        self.latency = latency
        self._random = random.Random(0)  # noqa: S311 - jitter, guards nothing

    def seconds(self, operation: str) -> float:
        """For this call."""
        latency = self.latency
        milliseconds = latency.operations.get(operation, latency.default_ms)
        if latency.jitter_ms:
            milliseconds += self._random.random() * latency.jitter_ms
        return milliseconds / 1000
