"""What one process remembers of the quota: it lives on that without Redis, and tells a Redis that was emptied."""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from orchestrator.realtimekit.quota.budget import Budget, QuotaRequest

Attempt = tuple[QuotaRequest, str]
"""A request, and the id that its call has in the windows when it is granted."""
CallAges = list[list[tuple[str, float]]]
"""For each window its calls: id, and seconds since the grant or the answer."""

SHARE_WITHOUT_REDIS = 0.25
"""One process may then use a quarter of the budget; few tasks reach the others, because Redis is the broker too."""


class ProcessMemory:
    """The calls of this process and the gate as it saw it, on a monotonic clock."""

    def __init__(self, budgets: Sequence[Budget], clock: Callable[[], float] = time.monotonic) -> None:
        self._budgets = budgets
        self._clock = clock
        self._caps = [budget.caps(SHARE_WITHOUT_REDIS) for budget in budgets]
        self._calls: list[dict[str, float]] = [{} for _ in budgets]
        self._newly_answered: set[str] = set()
        self._gate_opens_at = 0.0
        self.redis_is_behind = False
        """Whether some calls were never told to Redis."""

    @property
    def gate_closed_seconds(self) -> float:
        """How long a 429 keeps the gate closed from now on."""
        return max(0.0, self._gate_opens_at - self._clock())

    def close_gate(self, seconds: float) -> None:
        """Let nothing out for so long; a longer closure stays."""
        self._gate_opens_at = max(self._gate_opens_at, self._clock() + seconds)

    def add(self, request: QuotaRequest, call_id: str) -> None:
        """Remember a granted call."""
        for calls in self._calls[: request.windows]:
            calls[call_id] = self._clock()

    def answered(self, call_id: str) -> None:
        """Let the call age from now on, because RealtimeKit may have counted it as late as its answer."""
        self._newly_answered.add(call_id)
        for calls in self._calls:
            if calls.pop(call_id, None) is not None:
                calls[call_id] = self._clock()

    def ages(self) -> CallAges:
        """Return the calls that are still in the windows."""
        now = self._clock()
        self._forget_expired(now)
        return [[(call_id, now - at) for call_id, at in calls.items()] for calls in self._calls]

    def pop_newly_answered(self) -> CallAges:
        """Return the calls that were answered since this was called last."""
        call_ids, self._newly_answered = self._newly_answered, set()
        now = self._clock()
        return [[(call_id, now - calls[call_id]) for call_id in call_ids if call_id in calls] for calls in self._calls]

    def has_something(self) -> bool:
        """Whether a Redis that was emptied would have to be told of anything."""
        self._forget_expired(self._clock())
        return self.gate_closed_seconds > 0 or any(self._calls)

    def take(self, attempts: Iterable[Attempt]) -> list[float]:
        """Grant calls out of this process's share; like SharedWindows.take, but without a queue between calls."""
        now = self._clock()
        self._forget_expired(now)
        refused = [0 for _ in self._budgets]
        return [self._take(request, call_id, now, refused) for request, call_id in attempts]

    def _take(self, request: QuotaRequest, call_id: str, now: float, refused: list[int]) -> float:
        free_at = max(now, self._gate_opens_at)
        for number in range(request.windows):
            calls, cap = self._calls[number], self._caps[number][request.priority]
            if len(calls) >= cap:
                leaves_first = min(len(calls) - cap + refused[number], len(calls) - 1)
                counted_at = next(islice(calls.values(), leaves_first, None))
                free_at = max(free_at, counted_at + self._budgets[number].window_seconds)
                refused[number] += 1
        if free_at <= now:
            self.add(request, call_id)
            self.redis_is_behind = True
        return free_at - now

    def _forget_expired(self, now: float) -> None:
        for calls, budget in zip(self._calls, self._budgets, strict=True):
            while calls and calls[oldest := next(iter(calls))] <= now - budget.window_seconds:
                del calls[oldest]
