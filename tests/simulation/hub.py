"""One thread in which everything happens: a loop with a virtual clock, and greenlets that wait for it.

The engine's services are plain functions that wait inside: for a call, for a turn. Each task of a simulated process is
a greenlet, which gives the thread back where it waits. RealtimeKit's client is made of coroutines; they run on the same
loop. Nothing here reads a clock: the time is that of the next thing to happen.
"""

import asyncio
import heapq
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from greenlet import GreenletExit, getcurrent, greenlet

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs callbacks in the order of their times, and sets its clock to each time without waiting."""

    def __init__(self, start: float) -> None:
        self._now = start
        self._ready: deque[asyncio.Handle] = deque()
        self._later: list[tuple[float, int, asyncio.Handle]] = []
        self._numbers = count()
        self.troubles: list[str] = []
        """What no coroutine and no callback has handled."""

    def time(self) -> float:
        """Return the virtual time, in seconds since the epoch."""
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._later, (when, next(self._numbers), handle))
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> "asyncio.Task[Any]":
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if (error := context.get("exception")) is not None:
            self.troubles.append(f"bug: {type(error).__name__}: {error}, in {_where(error)}")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave it in the heap, where it is passed over."""

    def step(self) -> bool:
        """Do the next thing. Returns whether there was one."""
        if self._ready:
            handle = self._ready.popleft()
        elif self._later:
            when, _, handle = heapq.heappop(self._later)
            if not handle.cancelled():
                self._now = max(self._now, when)
        else:
            return False
        if not handle.cancelled():
            handle._run()
        return True


def _where(error: BaseException) -> str:
    """Return the functions of ours that an error came through, the last one last."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{Path(it.filename).stem}.{it.name}" for it in frames if "/orchestrator/" in it.filename]
    return " > ".join(ours[-6:])


class Hub:
    """Greenlets over one virtual loop. The greenlet that made the hub is the one that runs the loop."""

    def __init__(self, start: float) -> None:
        self.loop = VirtualLoop(start)  # type: ignore[abstract]  # what is missing is about sockets and processes
        self.may_wait: Callable[[], bool] = lambda: True
        """Says whether a greenlet may give the thread back now: never inside a transaction that has locked rows."""
        self._main = getcurrent()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be the loop that coroutines and timers of this block find."""
        asyncio._set_running_loop(self.loop)
        try:
            yield
        finally:
            asyncio._set_running_loop(None)

    def spawn(self, work: Callable[[], object], delay: float = 0.0) -> greenlet:
        """Begin `work` in a greenlet of its own. An error that leaves it is one of the loop's troubles."""
        made = greenlet(work, parent=self._main)
        self.loop.call_later(delay, self.resume, made) if delay else self.loop.call_soon(self.resume, made)
        return made

    def resume(self, one: greenlet) -> None:
        """Let a greenlet go on, unless it has ended."""
        if not one.dead:
            one.switch()

    def kill(self, one: greenlet) -> None:
        """End a greenlet where it waits. What it would do at its end as a program is done; a process dies without."""
        if not one.dead:
            one.throw(GreenletExit)

    def wait(self) -> None:
        """Give the thread back until somebody resumes this greenlet."""
        assert self.may_wait(), "waited inside a transaction that holds locks"
        assert getcurrent() is not self._main, "the loop itself can't wait"
        self._main.switch()

    def sleep(self, seconds: float) -> None:
        """Let this greenlet wait."""
        self.loop.call_later(seconds, self.resume, getcurrent())
        self.wait()

    def result(self, coroutine: Coroutine[Any, Any, T], tasks: set["asyncio.Task[Any]"]) -> T:
        """Run a coroutine on the loop and wait for its result. It is in `tasks` meanwhile."""
        me, task = getcurrent(), self.loop.create_task(coroutine)
        tasks.add(task)
        task.add_done_callback(lambda _: self.resume(me))
        try:
            while not task.done():
                self.wait()
        finally:
            tasks.discard(task)
        done: T = task.result()
        return done


class GreenMutex:
    """A lock between greenlets. Whoever waits gives the thread back."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._holder: greenlet | None = None
        self._waiting: deque[greenlet] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: ARG002 - as threading.Lock has it
        """Wait for the lock. In virtual time nobody holds one for as long as a timeout, but the dead, who let go."""
        me = getcurrent()
        while self._holder is not None:
            if not blocking:
                return False
            self._waiting.append(me)
            self._hub.wait()
        self._holder = me
        return True

    def release(self) -> None:
        """Let the next one have it."""
        self._holder = None
        while self._waiting:
            following = self._waiting.popleft()
            if not following.dead:
                self._hub.loop.call_soon(self._hub.resume, following)
                return

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()
