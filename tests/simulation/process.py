"""Simulated processes: their parts, and how they die, freeze and come back."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import getcurrent, greenlet

from orchestrator.errors import LeaseLost
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.services.deps import Deps
from orchestrator.store.identity import Identity
from orchestrator.store.keys import Keys
from orchestrator.store.leases import Leases
from orchestrator.store.messages import Message
from tests.simulation.endpoints import SimulatedPost
from tests.simulation.hub import GreenMutex
from tests.simulation.kit import OpenGate, Wire
from tests.simulation.store import SimulatedDatabase

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

T = TypeVar("T")

INSTALL = "5157ab1e"
MAY_WAIT = ("begin", "read", "lock")
"""The points of a transaction at which it holds nothing."""
REST_SECONDS = 1.0
"""How long a supervisor takes to start a process that has died."""
PAUSES = (0.01, 0.3, 2.0, 7.0)
"""How long a thread may be held up before a statement, in seconds."""
FREEZES = (5.0, 14.0, 25.0)
"""How long a whole process may stand still, in seconds: shorter and longer than a lease."""


class Process:
    """One process of the deployment."""

    def __init__(self, simulation: "Simulation", name: str) -> None:
        self._simulation = simulation
        self.name = name
        self.lives = 0
        self.frozen_until = 0.0
        self._greenlets: dict[greenlet, None] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.deps: Deps | None = None
        self.start()

    def start(self) -> None:
        """Start with nothing of an earlier life."""
        self.lives += 1
        self.deps = self._build(self.lives)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.deps is not None

    def run(self, work: Callable[[Deps], object], delay: float = 0.0) -> None:
        """Do `work` in a thread of this process. What it raises is a trouble, but for the loss of a lease."""

        def begin() -> None:
            me = getcurrent()
            self._greenlets[me] = None
            self._simulation.threads[me] = partial(self.reach, self.lives)
            try:
                self._thaw()
                if self.deps is not None:
                    work(self.deps)
            except (LeaseLost, _Died):
                pass
            finally:
                self._greenlets.pop(me, None)
                self._simulation.threads.pop(me, None)

        self._simulation.hub.spawn(begin, delay)

    def reach(self, life: int, point: str) -> None:
        """Come to a point in some thread, where the process may die, freeze, or hold the thread up."""
        if life != self.lives or self.deps is None:
            return
        simulation, luck, weather = self._simulation, self._simulation.luck, self._simulation.weather
        if luck.strikes(f"{self.name} dies, {point}", weather.dies):
            self.die()
            if getcurrent() is not simulation.hub._main:
                raise _Died
            return
        if point not in MAY_WAIT:
            return
        if point == "begin" and (seconds := luck.unusual(f"{self.name} freezes", weather.freezes, FREEZES, 0.0)):
            self.frozen_until = simulation.hub.loop.time() + seconds
            simulation.held_up.append(simulation.now)
        if seconds := luck.unusual(f"{self.name} pauses, {point}", weather.pauses, PAUSES, 0.0):
            simulation.held_up.append(simulation.now)
            simulation.hub.sleep(seconds)
        self._thaw()

    def die(self) -> None:
        """End at once. Nothing that its threads would do at their end counts, and a supervisor starts it again."""
        hub = self._simulation.hub
        self.deps = None
        for task in list(self.tasks):
            task.cancel()
        hub.loop.call_soon(self._bury, list(self._greenlets))
        hub.loop.call_later(REST_SECONDS, self.start)
        self._simulation.has_died(self.name)

    def end(self) -> None:
        """End every thread, because the run is over. Else each would end in the middle of another run."""
        self.deps = None
        self._bury(list(self._greenlets))

    def _bury(self, greenlets: list[greenlet]) -> None:
        for one in greenlets:
            self._simulation.hub.kill(one)

    def _thaw(self) -> None:
        hub = self._simulation.hub
        while (seconds := self.frozen_until - hub.loop.time()) > 0:
            hub.sleep(seconds)

    def _build(self, life: int) -> Deps:
        """Build the parts, as bootstrap does."""
        simulation = self._simulation
        settings, hub = simulation.settings, simulation.hub
        reach = partial(self.reach, life)
        after_commit = partial(self._after_commit, life)
        database = SimulatedDatabase.over(simulation.kept.engine, after_commit, lambda: GreenMutex(hub))
        database.reach, database.kept = reach, simulation.kept
        database.on_commit = simulation.on_commit
        wire = Wire(simulation.network, reach, lambda: life == self.lives and self.is_alive)
        return Deps(
            settings=settings,
            database=database,
            broker=simulation.broker_client,
            realtimekit=RealtimeKit(settings, OpenGate(), loop=GreenLoop(self), connect=lambda _: wire),
            post=SimulatedPost(simulation, self, life),  # type: ignore[arg-type]
            leases=Leases(
                database,
                lease_seconds=settings.lease_seconds,
                deadline_seconds=settings.task_deadline_seconds,
                call_seconds=settings.realtimekit_timeout_seconds,
                keep_going=partial(self._keep_going, life),
            ),
            vault=simulation.vault,
            holder=f"{self.name}-{life}",
            identity=Identity(database, Keys(INSTALL)),
        )

    def _after_commit(self, life: int, messages: list[Message], topics: set[str]) -> None:
        self.reach(life, "committed, nothing sent")
        self._simulation.after_commit(self, messages, topics)

    def _keep_going(self, life: int, tend: Callable[[], float]) -> None:
        """Renew the leases in a thread that waits between two rounds."""

        def again(_: Deps) -> None:
            while life == self.lives and self.is_alive:
                self._simulation.hub.sleep(tend())
                self._thaw()

        self.run(again, delay=1.0)


class _Died(BaseException):
    """The process has died at this very point."""


class GreenLoop:
    """Runs the coroutines of a process's calls on the hub's loop."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._hub = process._simulation.hub

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for the result of `coroutine`."""
        try:
            return self._hub.result(coroutine, self._process.tasks)
        finally:
            if getcurrent() in self._process._greenlets and self._process.is_alive:
                self._process._thaw()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `coroutine`. Nobody can wait for the future here, because there is only one thread."""
        future: Future[T] = Future()

        def settle(task: asyncio.Task[T]) -> None:
            if (error := task.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(task.result())

        self._hub.loop.create_task(coroutine).add_done_callback(settle)
        return future

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:  # noqa: ARG002 - as LoopThread has it
        """Cancel the running coroutines. Nothing is open that would be closed last."""
        for task in list(self._process.tasks):
            task.cancel()
