"""Turns: locks of one process, by name."""

import threading
import weakref


class Turns:
    """Hands out one lock for each name, and forgets a name when nobody uses its lock."""

    def __init__(self) -> None:
        self._by_name: weakref.WeakValueDictionary[str, threading.Lock] = weakref.WeakValueDictionary()
        self._guard = threading.Lock()

    def of(self, name: str) -> threading.Lock:
        """Return the one lock of that name."""
        with self._guard:
            lock = self._by_name.get(name)
            if lock is None:
                lock = self._by_name[name] = threading.Lock()
            return lock
