"""Health and readiness."""

import platform
from datetime import timedelta

import redis

from orchestrator.services.deps import Deps
from schemas.tables import Breakout
from schemas.tasks import Queue
from tests.api.server import Api
from tests.support.pyproject import VERSION
from tests.support.scrape import Figures


def test_a_process_that_answers_is_healthy(api: Api) -> None:
    assert api.get("/healthz") == {"status": "ok", "version": VERSION}


def test_the_figures_say_which_version_runs_on_which_python(api: Api) -> None:
    found = Figures([f"{api.url}/metrics"])
    assert found.get("breakouts_build_info", version=VERSION, python=platform.python_version()) == 1


def test_ready_needs_a_timekeeper_that_ticks(deps: Deps, api: Api, broker_url: str) -> None:
    answer = api.get("/readyz", 503)
    assert answer["failing"] == ["timekeeper"]
    assert (answer["database"], answer["broker"], answer["timekeeper"]) == ("ok", "ok", "missing")
    with redis.Redis.from_url(broker_url) as client:
        client.set(deps.broker.keys.timekeeper, "1", ex=30)
    assert api.get("/readyz")["status"] == "ready"


def test_ready_needs_work_to_be_started(deps: Deps, api: Api, broker_url: str) -> None:
    made, keys = api.breakout(api.meeting("ana", "bo"), rooms=1), deps.broker.keys
    with redis.Redis.from_url(broker_url) as client:
        client.set(deps.broker.keys.timekeeper, "1", ex=30)
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
