"""What one process knows of the quota by itself: it lives on that while Redis is away, and reminds it afterwards."""

import time
from collections.abc import Iterable, Sequence
from itertools import islice

from orchestrator.realtimekit.quota.budget import Ask, Budget

Named = tuple[Ask, str]
"""What is asked for, and the name of the call that it would be."""
Ages = list[list[tuple[str, float]]]
"""For each budget calls by name, and how many seconds ago they were made."""

SHARE_WITHOUT_REDIS = 0.25
"""One process may use a quarter of the budget then; without the broker few tasks reach the others anyway."""


class OwnCalls:
    """This process's calls and the gate as it saw it, on its own monotonic clock."""

    def __init__(self, budgets: Sequence[Budget]) -> None:
        self._budgets = budgets
        self._caps = [budget.caps(SHARE_WITHOUT_REDIS) for budget in budgets]
        self._calls: list[dict[str, float]] = [{} for _ in budgets]
        self._answered: set[str] = set()
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
            calls[name] = time.monotonic()

    def answered(self, name: str) -> None:
        """RealtimeKit has counted the call by now: from here on it is as old as its answer."""
        self._answered.add(name)
        for calls in self._calls:
            if calls.pop(name, None) is not None:
                calls[name] = time.monotonic()

    def ages(self) -> Ages:
        """The calls that are still in the window."""
        now = time.monotonic()
        self._forget(now)
        return [[(name, now - at) for name, at in calls.items()] for calls in self._calls]

    def newly_answered(self) -> Ages:
        """Those that were answered since this was asked for last."""
        names, self._answered = self._answered, set()
        now = time.monotonic()
        return [[(name, now - calls[name]) for name in names if name in calls] for calls in self._calls]

    def remembers(self) -> bool:
        """Whether a Redis that was emptied would have to be reminded of anything."""
        return self.closed_for > 0 or any(self.ages())

    def take(self, asks: Iterable[Named]) -> list[float]:
        """As SharedWindow.take, out of this process's share."""
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
                turn = max(turn, next(islice(calls.values(), place, None)) + self._budgets[number].seconds)
                refused[number] += 1
        if turn <= now:
            self.note(ask, name)
            self.untold = True
        return turn - now

    def _forget(self, now: float) -> None:
        for calls, budget in zip(self._calls, self._budgets, strict=True):
            while calls and calls[first := next(iter(calls))] <= now - budget.seconds:
                del calls[first]
