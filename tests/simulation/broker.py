"""A broker that loses, repeats, reorders and delays messages, and a timekeeper that looks for due rows."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.services.deps import Deps
from orchestrator.store import scan
from orchestrator.store.kinds import TABLES
from orchestrator.store.messages import Message
from schemas.tables import Due
from tests.simulation.process import Process
from workers.services import work

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

DELIVERY_SECONDS = 0.01
LATE = ("lost", "twice", "0.5 s late", "4 s late", "20 s late", "twice, 15 s apart")
FATES: dict[str, tuple[float, ...]] = {
    "": (0.0,),
    "lost": (),
    "twice": (0.0, 0.0),
    "0.5 s late": (0.5,),
    "4 s late": (4.0,),
    "20 s late": (20.0,),
    "twice, 15 s apart": (0.0, 15.0),
}
"""After how many seconds a message is delivered, for each thing that may happen to it."""
FAILED = ("will try again", "given up")
"""The results of passes over rooms that did not get on."""
LOOKS_LATE = (0.2, 1.0)
BATCH_ROWS = 100
NO_BACKLOG: scan.Backlog = {}
"""What a timekeeper knows of the queues: nothing, because these do not keep the order of their messages."""


class SimulatedBroker:
    """Brings messages to workers."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation

    def send(self, message: Message) -> None:
        """Take a message and deliver it: never, once or twice, soon or late."""
        luck, hub = self._simulation.luck, self._simulation.hub
        fate = luck.unusual(f"message {message.task}", self._simulation.weather.message, LATE, "")
        if fate:
            self._simulation.held_up.append(self._simulation.now)
        for delay in FATES[fate]:
            hub.loop.call_later(DELIVERY_SECONDS + delay, self._deliver, message)

    def _deliver(self, message: Message) -> None:
        """Let a worker that runs do the task."""
        alive = [process for process in self._simulation.workers if process.is_alive]
        if alive:
            chosen = alive[message.claim % len(alive)]
            chosen.run(lambda deps: self._work(chosen, deps, message))

    def _work(self, worker: Process, deps: Deps, message: Message) -> None:
        result = work(deps, message.task, message.row_id, message.claim)
        self._simulation.failed_passes[message.row_id] += result.words in FAILED
        self._simulation.tell(worker.name, f"{message.task} {message.label} .{message.claim}: {result}")


class Timekeeper:
    """Looks when the next row is due. It is told of each commit, as if a publish had woken it."""

    def __init__(self, simulation: "Simulation", process: Process) -> None:
        self._simulation = simulation
        self._process = process
        self._looks_at = float("inf")
        firsts = (f"SELECT min(due_at) AS at FROM {table.__name__.lower()}" for table in TABLES)
        self._first_of_all = f"SELECT min(at) FROM ({' UNION ALL '.join(firsts)}) AS firsts"

    def notice(self) -> None:
        """See when the first row is due by now, and look then, or a little later when the wake-up was lost."""
        (first,) = self._simulation.kept.ask(self._first_of_all)
        if first is None:
            return
        now = self._simulation.hub.loop.time()
        at = datetime.fromisoformat(first).replace(tzinfo=UTC) if isinstance(first, str) else first
        due_at = max(at.timestamp(), now)
        if due_at < self._looks_at:
            late = self._simulation.luck.unusual("timekeeper late", self._simulation.weather.wake, LOOKS_LATE, 0.0)
            self._looks_at = due_at + late
            self._simulation.hub.loop.call_at(self._looks_at, self._look, self._looks_at)

    def _look(self, planned: float) -> None:
        if planned == self._looks_at:
            self._looks_at = float("inf")
            if self._process.is_alive:
                self._process.run(self._send_due)
            self._simulation.hub.loop.call_later(1.0, self.notice)

    def _send_due(self, deps: Deps) -> None:
        """Send what is due, as the timekeeper's tick does."""
        with deps.database.glancing() as session:
            firsts, now = scan.next_due(session, NO_BACKLOG)
        late: list[type[Due]] = [table for table in TABLES if table in firsts and firsts[table] <= now]
        for table in late:
            with deps.database.transaction() as tx:
                scan.dispatch_due(tx, table, BATCH_ROWS, NO_BACKLOG)
        self.notice()
