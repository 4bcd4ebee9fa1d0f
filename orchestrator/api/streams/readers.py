"""The threads in which streams read the database: few, so that requests keep threads and connections."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")

THREADS = 4
"""Half of the connections that a process has."""


class Readers:
    """Reads for streams, THREADS at a time."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(THREADS)

    async def run(self, function: Callable[[], T]) -> T:
        """Run something that reads."""
        return await to_thread.run_sync(function, limiter=self._limiter)
