"""What one process knows of the quota by itself: it lives on that while Redis is away, and reminds it afterwards."""

import time
from collections import deque
from collections.abc import Sequence

from orchestrator.realtimekit.budget import Ask, Budget

SHARE_WITHOUT_REDIS = 0.25
"""One process may use a quarter of the budget then; without the broker few tasks reach the others anyway."""


class OwnCalls:
    """This process's calls and the gate as it saw it, on its own monotonic clock."""

    def __init__(self, budgets: Sequence[Budget]) -> None:
        self._budgets = budgets
        self._caps = [budget.caps(SHARE_WITHOUT_REDIS) for budget in budgets]
        self._calls: list[deque[tuple[float, str]]] = [deque() for _ in budgets]
        self._closed_until = 0.0
        self.untold = False
        """Whether there are calls that Redis was never told of."""

    @property
    def closed_for(self) -> float:
        """Seconds until the gate that a 429 has closed opens."""
        return max(0.0, self._closed_until - time.monotonic())

    def close_gate(self, seconds: float) -> None:
        """Remember that nothing may go out for so long; a longer closure stays."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)

    def note(self, ask: Ask, name: str) -> None:
        """Remember a granted call under the name that it has in Redis."""
        for calls in self._calls[: ask.budgets]:
            calls.append((time.monotonic(), name))

    def ages(self) -> list[list[tuple[str, float]]]:
        """For each budget its calls that are still in the window, and how many seconds ago they were granted."""
        now = time.monotonic()
        self._forget(now)
        return [[(name, now - at) for at, name in calls] for calls in self._calls]

    def remembers(self) -> bool:
        """Whether a Redis that was emptied would have to be reminded of anything."""
        return self.closed_for > 0 or any(self.ages())

    def take(self, asks: Sequence[tuple[Ask, str]]) -> list[float]:
        """As SharedWindow.take, out of this process's share; each ask comes with a name for its call."""
        now = time.monotonic()
        self._forget(now)
        refused = [0 for _ in self._budgets]
        return [self._take(ask, name, now, refused) for ask, name in asks]

    def _take(self, ask: Ask, name: str, now: float, refused: list[int]) -> float:
        turn = max(now, self._closed_until)
        for number in range(ask.budgets):
            calls, cap = self._calls[number], self._caps[number][ask.priority]
            if len(calls) >= cap:
                place = min(len(calls) - cap + refused[number], len(calls) - 1)
                turn = max(turn, calls[place][0] + self._budgets[number].seconds)
                refused[number] += 1
        if turn <= now:
            self.note(ask, name)
            self.untold = True
        return turn - now

    def _forget(self, now: float) -> None:
        for calls, budget in zip(self._calls, self._budgets, strict=True):
            while calls and calls[0][0] <= now - budget.seconds:
                calls.popleft()
