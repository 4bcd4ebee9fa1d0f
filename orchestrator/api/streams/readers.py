"""The threads in which streams read the database."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")

THREADS = 4
"""Half of a process's database connections, so that requests keep the other half."""


class Readers:
    """Runs reads for streams, at most THREADS at a time."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(THREADS)

    async def run(self, function: Callable[[], T]) -> T:
        """Run a blocking read in a thread."""
        return await to_thread.run_sync(function, limiter=self._limiter)
