"""A lane: one running system (API, worker, timekeeper) of which any process may be killed and is started again.

It serves many runs, each with a meeting of its own, because starting everything anew would take longer than a run.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from orchestrator.runtime import commands
from orchestrator.settings import Settings
from tests.chaos.tracing import FOLDER, KIND, NOWHERE, STRUCK, give_orders
from tests.support.databases import migrate_url
from tests.support.postgres import Postgres
from tests.support.processes import ROOT, Process, processes_in
from tests.support.stack import JSON, Stack, stack_in
from tests.support.valkey import Valkey, valkey_in

T = TypeVar("T")

KINDS = ("api", "worker", "timekeeper")
FIRST_WORDS = {"api": "", "worker": "ready.", "timekeeper": "metrics are served"}
"""What a process prints when it takes work."""
QUICK = {
    "REALTIMEKIT_TIMEOUT_SECONDS": "1.5",
    "REALTIMEKIT_CONCURRENCY": "16",
    "LEASE_SECONDS": "4",
    "SEARCH_SETTLE_SECONDS": "0.3",
    "LOOK_AGAIN_SECONDS": "1",
    "RETURN_GRACE_SECONDS": "10",
}
"""Short times: a lease must outlast a call (bootstrap makes it 5.25 s), and the grace must outlast a restart."""
SETTINGS = Settings(_env_file=None, realtimekit_concurrency=int(QUICK["REALTIMEKIT_CONCURRENCY"]))
REST_SECONDS = 0.3
"""The pause between a death and the start of the next process, as with a supervisor."""
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.25
"""The pause between two reads, because each takes the API's time and four lanes share two cores."""


class Lane:
    """The system, its supervisor, and a client that repeats unanswered requests."""

    def __init__(self, stack: Stack, folder: Path, broker: Valkey, server: Postgres) -> None:
        self.stack = stack
        self.broker = broker
        self.server = server
        self.folder = folder
        self.run = NOWHERE
        """The name of the current run."""
        self.path = ""
        """The path of its breakout, once there is one."""
        self.running: dict[str, Process] = {}
        """Processes by name: a kind, or a kind with a number (`worker-2`)."""
        self._environments: dict[str, Mapping[str, str]] = {}
        self._died_at: dict[str, float] = {}
        self.unexpected: list[str] = []
        """Processes that ended without an order."""
        self._first_page = 1

    def start(self) -> None:
        """Start everything, and wait until it is ready."""
        for kind in KINDS:
            self.begin(kind)
        self.wait_until_ready()
        self.stack.register_webhook()

    def arm(self, run: str, point: str) -> None:
        """Count points anew, and let the process that passes `point` die there, once.

        `point` may contain one point for each process, separated by spaces.
        """
        self.run = run
        for kind in KINDS:
            mine = [it for it in point.split() if it.startswith(f"{kind}:")]
            give_orders(self.folder / f"{kind}.orders", run, mine[0] if mine else NOWHERE)

    def freeze_at(self, name: str, point: str) -> None:
        """Let this process freeze (SIGSTOP) when it next passes the point, counted from now."""
        give_orders(self.folder / f"{name}.orders", self.run, f"{name}:{point}", signal.SIGSTOP)

    def kill_at(self, name: str, point: str) -> None:
        """Let this process die when it next passes the point, counted from now."""
        give_orders(self.folder / f"{name}.orders", self.run, f"{name}:{point}")

    def has_met(self, name: str) -> bool:
        """Whether that process has reached its point in this run."""
        file = self.folder / f"{name}.trace"
        lines = file.read_text().splitlines() if file.exists() else []
        return any(line.startswith(f"{self.run} {STRUCK} ") for line in lines)

    def begin(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Start a process with this additional environment; it is started again whenever it dies."""
        self._environments[name] = environment or {}
        self._start(name)

    def end(self, name: str) -> None:
        """Kill a process, and do not start it again."""
        process = self.running.pop(name)
        process.send(signal.SIGCONT)
        process.kill()

    def begin_anew(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Kill a process, and start another in its place."""
        self.end(name)
        self.begin(name, environment)

    def number_pages_from(self, first: int) -> None:
        """Begin the processes that read lists anew if RealtimeKit is to number pages otherwise than before.

        They remember the number of the first page, which RealtimeKit changes in no process's life.
        """
        if first != self._first_page:
            self._first_page = first
            for name in ("worker", "api"):
                self.begin_anew(name)

    def rest(self, seconds: float) -> None:
        """Let everything run for so long, and start what dies meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._supervise()
            time.sleep(0.05)

    def trace(self, run: str) -> list[str]:
        """Return the points that a run passed, with `STRUCK …` at the deadly one."""
        lines: list[str] = []
        for kind in KINDS:
            file = self.folder / f"{kind}.trace"
            for line in file.read_text().splitlines() if file.exists() else []:
                owner, _, rest = line.partition(" ")
                if owner == run:
                    lines.append(rest)
        return lines

    def wait_until_ready(self) -> None:
        """Wait until all processes take work."""
        for name in self.running:
            self.wait(partial(self._has_begun, name), f"the {name}")
        self.wait(lambda: self._answers("/readyz"), "readiness")

    def wait(self, look: Callable[[], T | None], what: str, deadline: float = PATIENCE_SECONDS) -> T:
        """Return the first true answer of `look`, restarting dead processes. Raises AssertionError at the deadline."""
        end = time.monotonic() + deadline
        last = ""
        while time.monotonic() < end:
            self._supervise()
            try:
                if found := look():
                    return found
            except (AssertionError, httpx.TransportError) as error:
                last = f": {error}"
            time.sleep(LOOK_SECONDS)
        raise AssertionError(f"{what} did not come true within {deadline:g} s{last}")

    def ask(
        self,
        method: str,
        path: str,
        body: JSON | None = None,
        *,
        key: str | None = None,
        again: frozenset[int] = frozenset({503}),
    ) -> JSON:
        """Repeat a request with the same key while the answer is one of `again`. Raises Refusal for another error."""
        headers = {"Idempotency-Key": key} if key else {}

        def once() -> httpx.Response | None:
            answer = self.stack.api.request(method, path, json=body, headers=headers)
            return None if answer.status_code in again else answer

        answer = self.wait(once, f"an answer to {method} {path}")
        if not answer.is_success:
            raise Refusal(f"{method} {path}: {answer.status_code} {answer.text}")
        found: JSON = answer.json()
        return found

    def _has_begun(self, name: str) -> bool:
        return FIRST_WORDS[_kind(name)] in self.running[name].output

    def _answers(self, path: str) -> bool:
        return self.stack.api.get(path).is_success

    def _start(self, name: str) -> None:
        path = f"{ROOT / 'tests' / 'chaos' / 'hook'}:{ROOT}"
        ours = {KIND: name, FOLDER: str(self.folder), "PYTHONPATH": path}
        env = {**self.stack.environment, **self._environments[name], **ours}
        self.running[name] = self.stack.processes.start(_command(name), env)

    def _supervise(self) -> None:
        for name, process in list(self.running.items()):
            if process.alive:
                continue
            died_at = self._died_at.setdefault(name, time.monotonic())
            if time.monotonic() - died_at < REST_SECONDS:
                continue
            if process.popen.returncode != -signal.SIGKILL:
                self.unexpected.append(f"{name} ended with {process.popen.returncode}, see {process.log}")
            del self._died_at[name]
            self._start(name)


def _kind(name: str) -> str:
    return name.partition("-")[0]


def _command(name: str) -> list[str]:
    match _kind(name):
        case "api":
            return commands.api()
        case "worker":
            return commands.worker(SETTINGS)
        case _:
            return commands.timekeeper(SETTINGS)


class Refusal(Exception):
    """The API refused a request."""


@contextmanager
def lane_in(folder: Path, server: Postgres) -> Iterator[Lane]:
    """Run a lane with a database, a broker and a sandbox of its own."""
    parts: dict[str, Any] = {"database_url": server.migrated(migrate_url), "home": folder / "home", "settings": QUICK}
    with (
        processes_in(folder) as processes,
        valkey_in(folder / "valkey") as broker,
        stack_in(processes, broker_url=broker.url, **parts) as stack,
    ):
        lane = Lane(stack, folder, broker, server)
        lane.arm(NOWHERE, NOWHERE)
        lane.start()
        yield lane
