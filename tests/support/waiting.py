"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONG = 60.0
"""Seconds that only what is broken takes, on a slow machine that does other things too."""
LONGER = 0.1
"""A pause may be this share of the time that was waited: who waits long must not keep others from work."""
LONGEST_PAUSE = 0.15


def wait_until(
    condition: Callable[[], T], deadline: float = LONG, *, every: float = 0.02, what: str = "the condition"
) -> T:
    """Return the first true answer of `condition`. Raises AssertionError after `deadline` seconds.

    An AssertionError of the condition counts as "not yet", and its text becomes part of the failure's message.
    """
    begun, last = time.monotonic(), ""
    while True:
        try:
            if answer := condition():
                return answer
            last = ""
        except AssertionError as error:
            last = f": {error}"
        if (waited := time.monotonic() - begun) >= deadline:
            raise AssertionError(f"{what} did not come true within {deadline:g} s{last}")
        time.sleep(max(every, min(LONGER * waited, LONGEST_PAUSE)))
