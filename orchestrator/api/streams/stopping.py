"""Ending open streams at a stop signal.

The server waits for open responses before it runs the application's shutdown, so the shutdown can't be what ends them.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def on_stop_signal(call: Callable[[], None]) -> Iterator[None]:
    """Run `call` on the event loop at a stop signal, before the handler that was installed until now."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals; a server in another thread is stopped in other ways
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(call)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in STOP_SIGNALS:
        if callable(before[number]):
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
