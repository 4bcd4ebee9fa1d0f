"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONG = 60.0
"""Seconds that only what is broken takes, on a slow machine that does other things too."""


def wait_until(
    condition: Callable[[], T], deadline: float = LONG, *, every: float = 0.02, what: str = "the condition"
) -> T:
    """Return the first true answer of `condition`. Raises AssertionError after `deadline` seconds.

    An AssertionError of the condition counts as "not yet", and its text becomes part of the failure's message.
    """
    end, last = time.monotonic() + deadline, ""
    while True:
        try:
            if answer := condition():
                return answer
            last = ""
        except AssertionError as error:
            last = f": {error}"
        if time.monotonic() >= end:
            raise AssertionError(f"{what} did not come true within {deadline:g} s{last}")
        time.sleep(every)
