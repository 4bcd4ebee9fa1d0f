"""Two deployments on one Redis, one RealtimeKit app and one copied `.env` do not notice each other."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from orchestrator import bootstrap
from orchestrator.runtime import commands
from orchestrator.runtime.ports import free_port
from orchestrator.settings import Settings
from schemas.tasks import Queue
from tests.support.databases import migrate_to, migrate_url, pretend_newer
from tests.support.processes import CELERY, Processes
from tests.support.sandbox_server import SandboxServer
from tests.support.stack import Stack
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until


@pytest.fixture
def neighbours(processes: Processes, own_valkey: Valkey, tmp_path: Path) -> Iterator[tuple[Stack, Stack]]:
    """Make two stacks that differ in their databases and ports alone, with a broker that nobody else uses."""
    with SandboxServer() as sandbox:
        stacks = [_stack(processes, sandbox, own_valkey.url, tmp_path / name) for name in ("ours", "theirs")]
        yield stacks[0], stacks[1]
        for stack in stacks:
            stack.close()


def _stack(processes: Processes, sandbox: SandboxServer, broker_url: str, home: Path) -> Stack:
    home.mkdir()
    url = f"sqlite:///{home / 'breakouts.db'}"
    migrate_url(url)
    return Stack(processes, sandbox, database_url=url, broker_url=broker_url, home=home)


def test_no_worker_takes_the_messages_of_another_deployment(
    neighbours: tuple[Stack, Stack], own_valkey: Valkey
) -> None:
    ours, theirs = neighbours
    assert ours.keys != theirs.keys
    theirs.start()
    api = ours.processes.start(commands.api(), ours.environment)
    api.wait_for_url(f"{ours.url}/healthz")

    waiting = ours.breakout(ours.meeting(people=2), rooms=2)["id"]
    other = theirs.breakout(theirs.meeting(people=2), rooms=2)["id"]
    theirs.wait(other, "open")
    theirs.post(f"/v1/breakouts/{other}/close", {"countdown_seconds": 0})
    theirs.wait(other, "closed")

    assert ours.see(waiting)["state"] == "opening"
    with redis.Redis.from_url(own_valkey.url, decode_responses=True) as client:
        assert sum(int(client.llen(ours.keys.queue(queue))) for queue in Queue) > 0, "and nobody took it"
        names = {*client.keys(), *client.pubsub_channels()}
    assert [name for name in names if not is_marked(name, neighbours)] == []
    assert len({name.split(":")[2] for name in names if name.startswith("bo:quota:")}) == 1, "one token, one quota"

    ours.start_worker().wait_for_text(" ready.", 60)
    ours.wait(waiting, "open")
    for stack in neighbours:
        with stack.parts() as deps:
            found = deps.broker.app.control.inspect(timeout=2).ping()
        assert len(found) == 1, "each sees its own worker alone, as Flower does"


def is_marked(name: str, stacks: tuple[Stack, Stack]) -> bool:
    """Whether a key or channel belongs to one of the stacks, or counts the calls of the API token that they share."""
    marks = "|".join(stack.keys.install for stack in stacks)
    return re.match(rf"bo:({marks}|quota:\{{[0-9a-f]+\}}):", name) is not None


def test_plain_celery_waits_for_a_database_that_is_not_migrated_yet(
    processes: Processes, broker_url: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'breakouts.db'}"
    port = free_port()
    env = {"BROKER_URL": broker_url, "DATABASE_URL": url, "BREAKOUTS_HOME": str(tmp_path), "FLOWER_PORT": str(port)}
    started = [processes.start([*CELERY, command], env) for command in ("worker", "beat", "flower")]
    for process in started:
        process.wait_for_text("run `breakouts migrate`", 60)
    asked = processes.start([*CELERY, "inspect", "ping"], env)
    assert asked.wait() == 1
    assert asked.output == "Error: the database has not been migrated yet: run `breakouts migrate`\n"

    migrate_to(url, "0003")
    for process in started:
        process.wait_for_text("has the schema 0003 of an older release", 60)
        assert process.output.count("this process waits for its database") == 2, "one line for each reason"
    migrate_url(url)
    worker, _, flower = started
    worker.wait_for_text(" ready.", 60)
    flower.wait_for_url(f"http://127.0.0.1:{port}/healthcheck")
    keys = bootstrap.keys_of(Settings(database_url=url, _env_file=None))
    with redis.Redis.from_url(broker_url) as client:
        wait_until(lambda: client.exists(keys.timekeeper), what="a tick of the timekeeper")


def test_processes_that_start_on_the_schema_of_a_newer_release_work(
    processes: Processes, broker_url: str, sqlite_url: str, tmp_path: Path
) -> None:
    """While an upgrade replaces the older release's processes one by one, one of them may be started again."""
    pretend_newer(sqlite_url)
    env = {"BROKER_URL": broker_url, "DATABASE_URL": sqlite_url, "BREAKOUTS_HOME": str(tmp_path)}
    worker, _ = [processes.start([*CELERY, command], env) for command in ("worker", "beat")]
    worker.wait_for_text(" ready.", 60)
    keys = bootstrap.keys_of(Settings(database_url=sqlite_url, _env_file=None))
    with redis.Redis.from_url(broker_url) as client:
        wait_until(lambda: client.exists(keys.timekeeper), what="a tick of the timekeeper")
