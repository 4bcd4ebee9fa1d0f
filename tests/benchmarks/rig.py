"""What every benchmark uses: the system, and a sandbox in a process of its own; the breakout's log is the clock."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
from sqlalchemy import create_engine, text

from orchestrator.runtime import commands
from orchestrator.runtime.ports import free_port
from schemas.tasks import TIMELY, Queue
from tests.support.databases import SQLiteTemplate, migrate_url
from tests.support.postgres import postgres
from tests.support.processes import Process, Processes, processes_in
from tests.support.sandbox_server import SandboxServer
from tests.support.stack import Stack
from tests.support.valkey import valkey_in

AS_IN_PRODUCTION = {
    "REALTIMEKIT_TIMEOUT_SECONDS": "6",
    "LEASE_SECONDS": "12",
    "LOOK_AGAIN_SECONDS": "10",
    "SYNC_SECONDS": "30",
    "RETURN_GRACE_SECONDS": "10",
}

NICE = "12"
KINDS = ("api", "worker", "beat", "sandbox")
"""Words that tell our commands apart."""
COUNTING = {"shared_preload_libraries": "pg_stat_statements"}
"""Lets the server count statements; the extension of that name then shows them."""


class SandboxProcess:
    """A sandbox in a process of its own, so that its work does not slow down the measuring process."""

    account_id, app_id, api_token = SandboxServer.account_id, SandboxServer.app_id, SandboxServer.api_token

    def __init__(self, processes: Processes, latency_ms: float) -> None:
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.root}/client/v4"
        command = processes.breakouts("sandbox", "--port", str(port), "--latency-ms", str(latency_ms), env={})
        command.wait_for_url(f"{self.root}/_sandbox/state", 60)

    def latency(self, default_ms: float, *, jitter_ms: float = 0) -> None:
        """Set the milliseconds of every call from now on, and up to how many more it takes by chance."""
        latency = {"default_ms": default_ms, "jitter_ms": jitter_ms}
        httpx.put(f"{self.root}/_sandbox/latency", json=latency, trust_env=False).raise_for_status()


class Rig(Stack):
    """A system with servers of its own."""

    servers: Mapping[str, Process]
    empty_database: Callable[[], str]
    """Makes a database without tables beside ours, and returns its address."""

    def all_processes(self) -> dict[str, Process]:
        """Return all that runs, by what it does, with a number each."""
        numbers: Counter[str] = Counter()
        found = dict(self.servers)
        for process in self.processes.started:
            kind = next(word for part in process.command if (word := part.rpartition(".")[2]) in KINDS)
            numbers[kind] += 1
            found[f"{kind} {numbers[kind]}"] = process
        return found

    @property
    def ours(self) -> dict[str, int]:
        """The process ids of our own processes, by what they do."""
        workers = {f"worker {number}": process.pid for number, process in enumerate(self.workers, 1)}
        return {"api": self.api_process.pid, **workers, "timekeeper": self.timekeepers[0].pid}


@contextmanager
def rig(
    latency_ms: float = 0,
    *,
    timekeepers: int = 1,
    apart: bool = False,
    sqlite: bool = False,
    counting: bool = False,
    **settings: str,
) -> Iterator[Rig]:
    """Run a system on PostgreSQL, which keeps the time of each commit, or on SQLite.

    `apart` runs the three workers of compose.yaml instead of one. With `counting` the server counts statements.
    """
    options = {"track_commit_timestamp": "on"} | (COUNTING if counting else {})
    with tempfile.TemporaryDirectory() as folder, postgres(**options) as server:
        home = Path(folder)
        url = SQLiteTemplate(home).copy_to(home / "breakouts.db") if sqlite else server.migrated(migrate_url)
        with valkey_in(home / "valkey") as broker, processes_in(home, cold=True) as processes:
            stack = Rig(
                processes,
                SandboxProcess(processes, latency_ms),  # type: ignore[arg-type]  # it has all that Stack uses
                database_url=url,
                broker_url=broker.url,
                home=home / "home",
                settings=AS_IN_PRODUCTION | settings,
            )
            stack.servers = {"PostgreSQL": server.process, "Valkey": broker.process}
            stack.empty_database = server.fresh
            stack.start(webhooks=False, timekeepers=timekeepers, workers=0 if apart else 1)
            if apart:
                stack.workers = _start_apart(stack)
            yield stack
            stack.close()


def _start_apart(stack: Stack) -> list[Process]:
    """Start the workers of compose.yaml, with a niceness for their share of processors (64 of 1024 by their weight).

    Each process has a session of its own, and where Linux groups processes by session the niceness of the group counts.
    """
    timely = [commands.worker(stack.settings, queues=sorted(TIMELY), concurrency=8) for _ in range(2)]
    others = commands.worker(stack.settings, queues=[queue for queue in Queue if queue not in TIMELY])
    all_of_them = [*timely, ["nice", "-n", NICE, *others]]
    started = [stack.processes.start(command, stack.environment) for command in all_of_them]
    for process in started:
        process.wait_for_text(" ready.", 60)
    group = Path(f"/proc/{started[-1].pid}/autogroup")
    if group.exists():
        group.write_text(NICE)
    return started


def moments(stack: Stack, breakout_id: str, kind: str, to: str) -> list[datetime]:
    """Return when something became `to` by the breakout's log, so by the database's clock."""
    url = stack.environment["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    query = text("SELECT at, data FROM event WHERE breakout_id = :id AND type = :kind ORDER BY number")
    with engine.connect() as connection:
        rows = connection.execute(query, {"id": breakout_id, "kind": kind}).all()
    engine.dispose()
    return [at for at, data in rows if (data if isinstance(data, dict) else json.loads(data))["to"] == to]
