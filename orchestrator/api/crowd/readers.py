"""The threads in which the database is asked for participants and for streams."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")

THREADS = 4
"""Half of a process's database connections, so that operators' requests keep the other half."""


class Readers:
    """Runs blocking calls for participants and streams, at most THREADS at a time."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(THREADS)

    @property
    def are_behind(self) -> bool:
        """Whether calls wait for a thread."""
        return self._limiter.statistics().tasks_waiting > 0

    async def run(self, function: Callable[[], T]) -> T:
        """Run a blocking call in a thread."""
        return await to_thread.run_sync(function, limiter=self._limiter)
