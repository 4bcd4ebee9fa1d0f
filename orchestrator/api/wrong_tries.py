"""Counting wrong keys by the address that sent them, so that guessing takes for ever and nobody else is held up."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

ADDRESSES_MOST = 10_000
"""How many addresses are remembered; beyond that the one whose last wrong key is the oldest is forgotten."""


class WrongTries:
    """At most so many wrong tries of one address within so many seconds."""

    def __init__(self, most: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._now = most, seconds, now
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def add(self, address: str) -> float:
        """Count a wrong try. Returns 0, or how many seconds are to be waited when there are too many."""
        now = self._now()
        tries = self._tries.setdefault(address, deque())
        self._tries.move_to_end(address)
        while len(self._tries) > ADDRESSES_MOST:
            self._tries.popitem(last=False)
        while tries and tries[0] <= now - self._seconds:
            tries.popleft()
        if len(tries) >= self._most:
            return tries[0] + self._seconds - now
        tries.append(now)
        return 0.0
