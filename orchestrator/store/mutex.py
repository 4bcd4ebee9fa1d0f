"""What the store needs of a lock that excludes others within one process."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol


class Mutex(Protocol):
    """A lock that one at a time holds. `threading.Lock` is one."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait for the lock, at most `timeout` seconds unless that is negative. Returns whether it is held now."""

    def release(self) -> None:
        """Let the next one have it."""

    def __enter__(self) -> bool:
        """Wait for the lock."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Let the next one have it."""


NewMutex = Callable[[], Mutex]
"""Makes a lock that nobody holds."""
