"""An asyncio loop in a thread of its own, so that all threads of a process share one pool of connections."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, Protocol, TypeVar

from orchestrator.errors import OutcomeUnknown

T = TypeVar("T")

CANCEL_AGAIN_SECONDS = 0.2


class Loop(Protocol):
    """Runs coroutines for callers that are none."""

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `coroutine`; RuntimeError when closed."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for the result of `coroutine`."""

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel the running coroutines, and run `last`."""


class LoopThread:
    """Starts its thread at the first `submit`, because a process may fork before, and no thread survives a fork."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `coroutine` on the loop, in a copy of this thread's context; RuntimeError when closed."""
        try:
            loop = self._started()
        except RuntimeError:
            coroutine.close()
            raise
        return asyncio.run_coroutine_threadsafe(coroutine, loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait in this thread for the result of `coroutine`; OutcomeUnknown when the loop is closed meanwhile."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("run() from the loop's own thread would wait for itself: await the coroutine instead")
        try:
            return self.submit(coroutine).result()
        except CancelledError:
            raise OutcomeUnknown("shut down during the call") from None

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel the running coroutines, run `last` on the loop, and end the thread for good."""
        with self._lock:
            self._closed = True
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        asyncio.run_coroutine_threadsafe(last(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{self._name} is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return self._loop


async def _cancel_all() -> None:
    """Cancel until no task is left, because redis may turn a cancellation into a timeout and carry on."""
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CANCEL_AGAIN_SECONDS)
