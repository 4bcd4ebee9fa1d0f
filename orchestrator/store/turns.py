"""Turns: locks of one process, by name."""

import threading
import weakref

from orchestrator.store.mutex import Mutex, NewMutex


class Turns:
    """Hands out one lock for each name, and forgets a name when nobody uses its lock."""

    def __init__(self, new_mutex: NewMutex = threading.Lock) -> None:
        self._new_mutex = new_mutex
        self._by_name: weakref.WeakValueDictionary[str, Mutex] = weakref.WeakValueDictionary()
        self._guard = threading.Lock()

    def of(self, name: str) -> Mutex:
        """Return the one lock of that name."""
        with self._guard:
            lock = self._by_name.get(name)
            if lock is None:
                lock = self._by_name[name] = self._new_mutex()
            return lock
