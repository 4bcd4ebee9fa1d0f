"""The clock by which a process judges how long its leases still last."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Read a clock, in seconds, that cannot be set and goes on while the machine is suspended.

    `time.monotonic()` stops while a machine is suspended: a process that wakes up would continue with rows that others
    have taken meanwhile.
    """
    return time.clock_gettime(_CLOCK)
