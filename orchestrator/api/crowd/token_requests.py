"""Asking for missing tokens from a thread of its own, so that no browser waits for the locks that this takes."""

import queue
import threading

from orchestrator.log import logger
from orchestrator.services.deps import Deps
from orchestrator.services.people.tokens import MissingTokens, ask_for
from orchestrator.store.trouble import DATABASE_TROUBLE

log = logger(__name__)

RETRY_SECONDS = 1.0
"""The pause after the database could not be asked."""


class TokenRequests:
    """Gathers whose tokens are missing, and asks for all of them together."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._waiting: queue.SimpleQueue[MissingTokens | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._ask_for_ever, name="token-requests", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, missing: MissingTokens) -> None:
        """Ask for these tokens soon. May be called from any thread."""
        if missing:
            self._waiting.put(missing)

    def close(self) -> None:
        """End the thread. What was not asked for is asked for when a browser reads its seat again."""
        self._closed.set()
        self._waiting.put(None)
        self._thread.join(timeout=5)

    def _ask_for_ever(self) -> None:
        while (missing := self._next()) is not None:
            while not self._closed.is_set() and not self._try(missing):
                self._closed.wait(RETRY_SECONDS)

    def _next(self) -> MissingTokens | None:
        """Return everything that waits, or None at the end."""
        missing = self._waiting.get()
        while missing is not None and not self._waiting.empty():
            more = self._waiting.get()
            missing = None if more is None else missing | more
        return missing

    def _try(self, missing: MissingTokens) -> bool:
        """Return whether it need not be tried again."""
        try:
            ask_for(self._deps, missing)
        except DATABASE_TROUBLE as error:
            log.warning("tokens could not be asked for", error=type(error).__name__)
            return False
        except Exception:
            log.exception("tokens could not be asked for")
        return True
