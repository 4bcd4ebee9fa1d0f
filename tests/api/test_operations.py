"""Health and readiness."""

import platform
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import event

from orchestrator.services.deps import Deps
from schemas.tables import Breakout
from schemas.tasks import Queue
from tests.api.conftest import parts
from tests.api.server import Api
from tests.support.databases import migrate_to, migrate_url, pretend_newer
from tests.support.postgres import Postgres
from tests.support.pyproject import VERSION
from tests.support.sandbox_server import SandboxServer
from tests.support.scrape import Figures
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until


def test_a_process_that_answers_is_healthy(api: Api) -> None:
    assert api.get("/healthz") == {"status": "ok", "version": VERSION}


def test_the_figures_say_which_version_runs_on_which_python(api: Api) -> None:
    found = Figures([f"{api.url}/metrics"])
    assert found.get("breakouts_build_info", version=VERSION, python=platform.python_version()) == 1


def test_ready_needs_a_timekeeper_that_ticks_and_a_worker_at_each_queue(deps: Deps, api: Api, broker_url: str) -> None:
    answer = api.get("/readyz", 503)
    assert answer["failing"] == ["timekeeper", "workers"]
    assert (answer["database"], answer["broker"], answer["timekeeper"]) == ("ok", "ok", "missing")
    manned(deps, broker_url)
    assert api.get("/readyz")["status"] == "ready"
    with redis.Redis.from_url(broker_url) as client:
        client.delete(deps.broker.keys.served(Queue.ROOMS), deps.broker.keys.served(Queue.UPKEEP))
    assert api.get("/readyz", 503)["workers"] == "missing: rooms, upkeep", "although no message waits there"


def test_ready_needs_a_broker_that_can_be_written(
    sandbox: SandboxServer, sqlite_url: str, own_valkey: Valkey, tmp_path: Path
) -> None:
    with (
        parts(sandbox, tmp_path, database_url=sqlite_url, broker_url=own_valkey.url) as deps,
        Api(deps) as api,
        redis.Redis.from_url(own_valkey.url) as client,
    ):
        manned(deps, own_valkey.url)
        assert api.get("/readyz")["broker"] == "ok"
        client.config_set("maxmemory", 1)
        answer = api.get("/readyz", 503)
        assert (answer["failing"], answer["workers"], answer["work"]) == (["broker"], "unknown", "unknown")


def test_a_database_that_only_reads_is_not_now_until_it_can_be_written(
    sandbox: SandboxServer, postgres: Postgres, postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    with parts(sandbox, tmp_path, database_url=postgres_url, broker_url=broker_url) as deps, Api(deps) as api:
        manned(deps, broker_url)
        path = f"/v1/breakouts/{api.breakout(api.meeting('ana'), rooms=1, start='manual')['id']}"
        assert api.get("/readyz")["database"] == "ok"
        postgres.set(postgres_url, "default_transaction_read_only", "on")
        postgres.cut(postgres_url)
        wait_until(lambda: "it only reads" in api.client.get("/readyz").json()["database"], what="readiness notices")
        answer = api.get("/readyz", 503)
        assert (answer["failing"], answer["broker"]) == (["database"], "ok")
        refused = api.client.patch(path, json={"name": "Other"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert api.get(path)["state"] == "draft"
        postgres.set(postgres_url, "default_transaction_read_only", "off")
        wait_until(lambda: api.client.patch(path, json={"name": "Other"}).is_success, what="a write")
        wait_until(lambda: api.client.get("/readyz").is_success, what="readiness")


def test_probes_share_a_write_and_nothing_grows(deps: Deps, api: Api, broker_url: str) -> None:
    manned(deps, broker_url)
    written: list[str] = []

    def note(_c: object, _x: object, statement: str, *_: object) -> None:
        written.append(statement)

    event.listen(deps.database.engine, "before_cursor_execute", note)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.client.get("/readyz").status_code, range(24)))
    changes = [statement for statement in written if not statement.startswith(("SELECT", "BEGIN"))]
    assert set(answers) == {200}
    assert 1 <= len(changes) < 24
    assert len(set(changes)) == 1
    assert changes[0].startswith("UPDATE deployment SET install=deployment.install RETURNING")
    assert [statement for statement in written if "alembic_version" in statement] == changes


@pytest.mark.parametrize("revision", [None, "0003"])
def test_ready_needs_a_database_that_is_migrated(
    sandbox: SandboxServer, empty_database_url: str, broker_url: str, tmp_path: Path, revision: str | None
) -> None:
    if revision:
        migrate_to(empty_database_url, revision)
    with parts(sandbox, tmp_path, database_url=empty_database_url, broker_url=broker_url) as deps, Api(deps) as api:
        answer = api.get("/readyz", 503)
        assert (answer["failing"][0], answer["database"], answer["work"]) == ("database", "not migrated", "unknown")
        migrate_url(empty_database_url)
        manned(deps, broker_url)
        wait_until(lambda: api.client.get("/readyz").is_success, what="readiness")


def test_the_older_release_is_ready_beside_a_newer_one(
    sandbox: SandboxServer, database_url: str, broker_url: str, tmp_path: Path
) -> None:
    pretend_newer(database_url)
    with parts(sandbox, tmp_path, database_url=database_url, broker_url=broker_url) as deps, Api(deps) as api:
        manned(deps, broker_url)
        assert api.get("/readyz")["database"] == "ok"


def manned(deps: Deps, broker_url: str) -> None:
    """Set the keys that a timekeeper and workers set."""
    keys = deps.broker.keys
    with redis.Redis.from_url(broker_url) as client:
        client.mset({keys.timekeeper: "1"} | {keys.served(queue): "1" for queue in Queue})


def test_ready_needs_work_to_be_started(deps: Deps, api: Api, broker_url: str) -> None:
    made, keys = api.breakout(api.meeting("ana", "bo"), rooms=1), deps.broker.keys
    manned(deps, broker_url)
    with redis.Redis.from_url(broker_url) as client:
        message(deps, made["id"], ago=timedelta(seconds=20), dispatches=3)
        client.rpush(keys.queue(Queue.LIFECYCLE), "a message that nobody takes")
        assert api.get("/readyz")["work"] == "ok", "20 s, and the 5 + 10 + 20 s of its messages"
        message(deps, made["id"], ago=timedelta(seconds=30), dispatches=3)
        answer = api.get("/readyz", 503)
        assert (answer["failing"], answer["work"], answer["database"]) == (["work"], "waiting: breakout", "ok")
        deps.broker.note_moving(Queue.LIFECYCLE)
        assert api.get("/readyz")["work"] == "ok", "messages are taken: the row's own trouble is not everybody's"
        client.delete(keys.queue(Queue.LIFECYCLE), keys.moving(Queue.LIFECYCLE))
        assert api.get("/readyz")["work"] == "ok"
        message(deps, made["id"], ago=timedelta(seconds=70), dispatches=0)
        assert api.get("/readyz", 503)["failing"] == ["work"], "it has long been due and no message was sent at all"
        message(deps, made["id"], ago=timedelta(seconds=-70), dispatches=0)
        assert api.get("/readyz")["work"] == "ok"


def message(deps: Deps, breakout_id: str, *, ago: timedelta, dispatches: int) -> None:
    """Make a row due since then, with so many messages sent for it."""
    with deps.database.transaction() as tx:
        row = tx.session.get_one(Breakout, breakout_id)
        row.due_at, row.dispatches = tx.now() - ago, dispatches
