"""compose.yaml without an engine: every container's command as a process, with the environment it would have."""

import json
import os
import platform
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx
import psycopg
import pytest
import redis

from orchestrator.runtime.alive import STALE_SECONDS
from orchestrator.runtime.broker import find_server
from orchestrator.runtime.ports import LOOPBACK, free_port
from tests.support import compose
from tests.support.postgres import Postgres
from tests.support.processes import Process, Processes, clean_environment, processes_in
from tests.support.pyproject import VERSION
from tests.support.scrape import Figures
from tests.support.stack import Stack, stack_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("deployment")

END_SECONDS = 20
PYTHON = platform.python_version()
FLOWER_AUTH = ("flower", "test-flower-password")
REPLICAS = {"api": 1, "worker-rooms": 1, "worker-lifecycle": 2, "timekeeper": 2, "flower": 1}


@dataclass
class Deployment:
    """A stack whose processes are those of compose.yaml."""

    stack: Stack
    processes: Processes
    folder: Path
    env_file: dict[str, str]
    addresses: dict[str, str]
    """Hosts and ports of this machine instead of the names in the containers' network."""
    running: dict[str, list[Process]] = field(default_factory=dict)
    heartbeats: dict[int, Path] = field(default_factory=dict)

    def start(self, service: str) -> Process:
        """Start another container of a service, in an empty folder of its own."""
        container = compose.container(service, self.env_file)
        own = self.folder / f"{service}-{len(self.heartbeats)}"
        own.mkdir()
        environment = {**container.environment, **self.addresses, "HEARTBEAT_FILE": str(own / "heartbeat")}
        command = [
            f"{part}@{own.name}" if before == "--name" else part for before, part in pairwise(["", *container.command])
        ]
        process = self.processes.start(compose.on_this_machine(command), environment, cwd=own)
        self.running.setdefault(service, []).append(process)
        self.heartbeats[process.pid] = own / "heartbeat"
        return process

    def is_healthy(self, service: str, process: Process) -> bool:
        """Whether the service's own health check passes for one of its processes."""
        check = " ".join(compose.on_this_machine(compose.container(service, self.env_file).check))
        for there, here in (
            ("/tmp/heartbeat", str(self.heartbeats[process.pid])),
            ("127.0.0.1:8000", f"{LOOPBACK}:{self.addresses['PORT']}"),
            ("127.0.0.1:5555", f"{LOOPBACK}:{self.addresses['FLOWER_PORT']}"),
        ):
            check = check.replace(there, here)
        return subprocess.run(check.split(), check=False, env=clean_environment(), capture_output=True).returncode == 0

    def stop(self, service: str) -> set[int]:
        """Send SIGTERM to the service's processes, one after another. Returns their exit codes."""
        return {process.stop(END_SECONDS) for process in self.running.pop(service)}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Deployment]:
    """Run all of compose.yaml but PostgreSQL's own process, migrated and ready."""
    folder = tmp_path_factory.mktemp("deployment")
    url, port = postgres.fresh(), free_port()
    parts = {"database_url": url, "broker_url": f"redis://{LOOPBACK}:{port}/0", "home": folder / "home"}
    with processes_in(folder) as processes, stack_in(processes, **parts) as stack:
        places = ("DATABASE_URL", "BROKER_URL", "BREAKOUTS_HOME", "PORT")
        env_file = {**compose.example(), "POSTGRES_PASSWORD": "unasked", "FLOWER_BASIC_AUTH": ":".join(FLOWER_AUTH)}
        env_file |= {name: value for name, value in stack.environment.items() if name not in places}
        env_file["REALTIMEKIT_CONCURRENCY"] = "2"  # so that work takes long
        addresses = {name: stack.environment[name] for name in places} | {"FLOWER_PORT": str(free_port())}
        made = Deployment(stack, processes, folder, env_file, addresses)
        _start_valkey(processes, folder, port)
        migration = made.start("migrate")
        assert migration.wait() == 0, migration.output
        for service, replicas in REPLICAS.items():
            for _ in range(replicas):
                made.start(service)
        for worker in made.running["worker-rooms"] + made.running["worker-lifecycle"]:
            worker.wait_for_text(" ready.", 60)
        made.running["api"][0].wait_for_url(f"{stack.url}/readyz")
        stack.register_webhook()
        yield made
    postgres.drop(url)


def _start_valkey(processes: Processes, folder: Path, port: int) -> None:
    """Start Valkey with compose.yaml's arguments, in a folder of this machine."""
    _, *arguments = compose.services()["valkey"]["command"]
    place = ["--port", str(port), "--bind", LOOPBACK, "--dir", str(folder)]
    processes.start([str(find_server()), *map(str, arguments), *place], {})
    with redis.Redis(LOOPBACK, port) as client:
        wait_until(lambda: _pings(client), what="the broker's answer")


def _pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_the_broker_keeps_what_it_has_and_drops_nothing_silently(deployment: Deployment) -> None:
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
    wanted |= {"maxmemory": str(256 * 1024 * 1024), "protected-mode": "no"}
    with redis.Redis.from_url(deployment.addresses["BROKER_URL"], decode_responses=True) as client:
        assert client.config_get(*wanted) == wanted


def test_as_many_run_as_compose_says() -> None:
    kept = {name: it["deploy"].get("replicas", 1) for name, it in compose.services().items() if "deploy" in it}
    assert kept == {**REPLICAS, "postgres": 1, "valkey": 1}


@pytest.mark.parametrize("service", REPLICAS)
def test_whoever_goes_on_is_healthy(deployment: Deployment, service: str) -> None:
    alike = deployment.running[service]
    wait_until(lambda: all(deployment.is_healthy(service, process) for process in alike), what="good health")


@pytest.mark.parametrize("service", ["worker-rooms", "worker-lifecycle", "timekeeper"])
def test_whoever_is_stuck_is_unhealthy_whatever_the_others_do(deployment: Deployment, service: str) -> None:
    process = deployment.running[service][0]
    heartbeat = deployment.heartbeats[process.pid]
    process.send(signal.SIGSTOP)
    try:
        long_ago = heartbeat.stat().st_mtime - STALE_SECONDS - 1
        os.utime(heartbeat, (long_ago, long_ago))
        assert not deployment.is_healthy(service, process)
    finally:
        process.send(signal.SIGCONT)
    wait_until(lambda: deployment.is_healthy(service, process), what="another beat")


def test_postgresql_is_asked_over_tcp_whether_it_is_there(postgres: Postgres) -> None:
    program, *arguments = compose.container("postgres", dict.fromkeys(compose.example(), "x")).check
    server = psycopg.conninfo.conninfo_to_dict(postgres.url("postgres"))
    check = [str(postgres.program(program)), *arguments]
    assert subprocess.run([*check, f"--port={server['port']}"], check=False).returncode == 0
    assert subprocess.run([*check, f"--port={free_port()}"], check=False).returncode != 0


def test_flower_shows_nothing_to_strangers(deployment: Deployment) -> None:
    url = f"http://{LOOPBACK}:{deployment.addresses['FLOWER_PORT']}/api/workers"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=("flower", "guess")).status_code == 401
    shown = httpx.get(url, params={"refresh": 1}, auth=FLOWER_AUTH, timeout=10).json()
    assert {name.split("@")[0] for name in shown} == {"rooms", "lifecycle"}


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("api", "api"),
        ("worker-rooms", "worker"),
        ("worker-lifecycle", "worker"),
        ("timekeeper", "timekeeper"),
        ("flower", "flower"),
    ],
)
def test_each_process_says_which_version_it_is_when_it_starts_and_to_prometheus(
    deployment: Deployment, service: str, name: str
) -> None:
    process = deployment.running[service][0]
    told = [json.loads(line) for line in process.output.splitlines() if "process starts" in line]
    assert [(line["process"], line["version"], line["python"]) for line in told] == [(name, VERSION, PYTHON)]
    assert _figures(deployment, service, process).get("breakouts_build_info", version=VERSION, python=PYTHON) == 1


def test_a_breakout_outlives_the_restart_of_everybody_who_works_for_it(deployment: Deployment) -> None:
    stack = deployment.stack
    meeting = stack.meeting(24)
    stack.sandbox.latency(900)
    made = stack.breakout(meeting, rooms=4)
    wait_until(lambda: _admitted(stack), what="admissions under way")
    assert deployment.stop("worker-rooms") == {0}
    assert _held(deployment) == 0
    assert len(_admitted(stack)) < 12, "it was to hand its work back, not to finish it"
    stack.sandbox.latency(0)
    deployment.start("worker-rooms")
    stack.wait(made["id"], "open")
    assert sorted(_admitted(stack)) == sorted(f"p{number}" for number in range(24))

    stack.sandbox.latency(900)
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    wait_until(lambda: _retired(stack), what="closing under way")
    assert deployment.stop("worker-lifecycle") == deployment.stop("worker-rooms") == {0}
    assert _held(deployment) == 0
    stack.sandbox.latency(0)
    deployment.start("worker-lifecycle")
    deployment.start("worker-rooms")
    closed = stack.wait(made["id"], "closed")
    assert closed["progress"]["rooms"]["closed"] == len(_retired(stack)) == 4
    assert closed["progress"]["participants"]["never_joined"] == 24


def test_whoever_is_told_to_stop_stops(deployment: Deployment) -> None:
    everybody = [(service, process) for service, them in deployment.running.items() for process in them]
    for _, process in everybody:
        process.send(signal.SIGTERM)
    codes = {process.pid: process.wait(END_SECONDS) for _, process in everybody}
    assert set(codes.values()) == {0}, [(service, codes[process.pid]) for service, process in everybody]
    assert not deployment.is_healthy("api", deployment.running["api"][0])
    assert not deployment.is_healthy("flower", deployment.running["flower"][0])


def test_nothing_was_written_beside_the_heartbeats_and_the_home(deployment: Deployment) -> None:
    """Check that a read-only file system suffices."""
    own = [heartbeat.parent for heartbeat in deployment.heartbeats.values()]
    assert {path.name for folder in own for path in folder.iterdir()} == {"heartbeat"}
    home = [path.name for path in Path(deployment.addresses["BREAKOUTS_HOME"]).iterdir()]
    assert home
    assert all(name.startswith("flower.db") for name in home), home


@pytest.mark.parametrize("service", ["api", "timekeeper"])
def test_logs_are_json(deployment: Deployment, service: str) -> None:
    lines = deployment.running[service][0].output.splitlines()
    assert lines
    assert all(json.loads(line)["level"] for line in lines)


def _figures(deployment: Deployment, service: str, process: Process) -> Figures:
    """Return what a process shows to Prometheus, at the address it serves or names in its log."""
    if service == "api":
        return Figures([f"http://{LOOPBACK}:{deployment.addresses['PORT']}/metrics"])
    if service == "flower":
        return Figures([f"http://{':'.join(FLOWER_AUTH)}@{LOOPBACK}:{deployment.addresses['FLOWER_PORT']}/metrics"])
    (told,) = [json.loads(line) for line in process.output.splitlines() if "metrics are served" in line]
    return Figures([f"http://{LOOPBACK}:{told['port']}/metrics"])


def _held(deployment: Deployment) -> int:
    """Return how many rooms a worker holds."""
    with psycopg.connect(deployment.addresses["DATABASE_URL"]) as connection:
        found = connection.execute("SELECT count(*) FROM room WHERE holder IS NOT NULL").fetchone()
    assert found is not None
    return int(found[0])


def _children(stack: Stack) -> dict[str, str]:
    """Return the rooms' meetings at RealtimeKit and their states."""
    return {it["id"]: it["status"] for it in stack.sandbox.state()["meetings"] if "[" in it["title"]}


def _admitted(stack: Stack) -> list[str]:
    """Return who was admitted to a room, with repetitions."""
    people, rooms = stack.sandbox.state()["participants"], _children(stack)
    return [one["custom_participant_id"] for one in people if one["meeting_id"] in rooms]


def _retired(stack: Stack) -> list[str]:
    return [child for child, status in _children(stack).items() if status == "INACTIVE"]
