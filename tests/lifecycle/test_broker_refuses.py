"""A broker that answers with errors: every process outlives it, and goes on by itself when the broker does."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

import pytest
import redis

from orchestrator.runtime import commands
from orchestrator.runtime.ports import LOOPBACK, free_port
from tests.support.databases import SQLiteTemplate
from tests.support.processes import processes_in
from tests.support.stack import JSON, Stack, stack_in
from tests.support.valkey import Valkey, valkey_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("refused by the broker")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Run a broker with which these tests do as they like."""
    with valkey_in(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="module")
def admin(broker: Valkey) -> Iterator[redis.Redis]:
    """Connect as a user of its own, whose rights no trouble takes away."""
    with redis.Redis.from_url(broker.url) as client:
        _say(client, "ACL", "SETUSER", "admin", "on", ">admin", "~*", "&*", "+@all")
    with redis.Redis(LOOPBACK, urlsplit(broker.url).port or 0, username="admin", password="admin") as client:
        yield client


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SQLiteTemplate, broker: Valkey) -> Iterator[Stack]:
    """Run everything, Flower too, with an address that Celery can't read itself."""
    folder = tmp_path_factory.mktemp("refused")
    url, settings = sqlite_template.copy_to(folder / "breakouts.db"), {"FLOWER_PORT": str(free_port())}
    parts = {
        "database_url": url,
        "broker_url": broker.url.replace("redis://", "valkey://"),
        "home": folder / "home",
        "settings": settings,
    }
    with processes_in(folder) as processes, stack_in(processes, **parts) as made:
        made.start()
        flower = processes.start(commands.flower(), made.environment)
        flower.wait_for_url(f"http://{LOOPBACK}:{settings['FLOWER_PORT']}/healthcheck")
        yield made


def _say(client: redis.Redis, *words: str | int) -> None:
    client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py has none here


@contextmanager
def _a_replica(admin: redis.Redis) -> Iterator[None]:
    _say(admin, "REPLICAOF", LOOPBACK, 1)
    try:
        yield
    finally:
        _say(admin, "REPLICAOF", "NO", "ONE")


@contextmanager
def _full(admin: redis.Redis) -> Iterator[None]:
    admin.config_set("maxmemory", 1)
    try:
        yield
    finally:
        admin.config_set("maxmemory", 0)


@contextmanager
def _without_rights(admin: redis.Redis) -> Iterator[None]:
    _say(admin, "ACL", "SETUSER", "default", "-@all")
    try:
        yield
    finally:
        _say(admin, "ACL", "SETUSER", "default", "+@all")


def test_a_broker_that_refuses_ends_no_process_and_loses_nothing(stack: Stack, admin: redis.Redis) -> None:
    troubles = (_a_replica, _full, _without_rights)
    made = [breakout for trouble in troubles for breakout in _go_through(stack, trouble(admin))]
    for breakout in made:
        stack.wait(breakout["id"], "open")
    wait_until(lambda: stack.api.get("/readyz").is_success, what="readiness")
    for process in stack.processes.started:
        assert process.alive, process.output


def _go_through(stack: Stack, trouble: AbstractContextManager[None]) -> list[JSON]:
    """Let tasks end, and start a breakout, while the broker refuses; return the breakouts that are to open."""
    during = stack.breakout(stack.meeting(1), rooms=1, start="manual")
    meeting = stack.meeting(2)
    worker, timekeeper = stack.workers[0], stack.timekeepers[0]
    stack.sandbox.latency(1000)
    done = worker.output.count('"task": "room.open"')
    made = _meetings_made(stack)
    before = stack.breakout(meeting, rooms=2)
    wait_until(lambda: _meetings_made(stack) > made, what="a room's task under way")
    refused = timekeeper.output.count("the broker is away")
    with trouble:
        stack.sandbox.latency(0)
        wait_until(lambda: worker.output.count('"task": "room.open"') > done, what="tasks that end")
        wait_until(lambda: timekeeper.output.count("the broker is away") > refused, what="a timekeeper that is refused")
        stack.post(f"/v1/breakouts/{during['id']}/start")
    return [before, during]


def _meetings_made(stack: Stack) -> int:
    return int(stack.sandbox.calls()["counts"]["create_meeting"])


def test_a_worker_that_is_stopped_while_the_broker_refuses_ends_well(stack: Stack, admin: redis.Redis) -> None:
    worker, told = stack.workers[0], len(stack.workers[0].output)
    with _a_replica(admin):
        wait_until(lambda: "Cannot connect to redis" in worker.output[told:], what="a worker that is refused")
        assert worker.stop() == 0, worker.output
