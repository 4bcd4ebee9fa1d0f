"""The clock on which a process judges how long something is its own."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine is suspended.

    `time.monotonic()` stands still then: a process that wakes would go on with rows that others have taken meanwhile.
    """
    return time.clock_gettime(_CLOCK)
