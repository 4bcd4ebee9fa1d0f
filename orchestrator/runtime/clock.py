"""The clocks of this process, which the engine reads here and nowhere else."""

import time
from datetime import UTC, datetime

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Read a clock, in seconds, that cannot be set and goes on while the machine is suspended.

    By this clock a process judges how long its leases still last. `time.monotonic()` stops while a machine is
    suspended: a process that wakes up would continue with rows that others have taken meanwhile.
    """
    return time.clock_gettime(_CLOCK)


def sleep(seconds: float) -> None:
    """Let this thread wait."""
    time.sleep(seconds)


def host_time() -> datetime:
    """Read this host's time of day. It is the database's time only on SQLite, which lives on one host."""
    return datetime.fromtimestamp(time.time(), UTC)
