"""The broker is killed while the system runs: nobody's request is refused, streams move, and the work begins later."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.api.server import open_stream
from tests.support.processes import Processes
from tests.support.stack import KEY, Stack, stack_in
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until


@pytest.fixture
def lonely(processes: Processes, postgres_url: str, own_valkey: Valkey, tmp_path: Path) -> Iterator[Stack]:
    """A running system with a broker of its own."""
    parts = {"database_url": postgres_url, "broker_url": own_valkey.url, "home": tmp_path / "home"}
    with stack_in(processes, **parts) as stack:
        stack.start()
        yield stack


def test_what_is_asked_for_while_the_broker_is_away_is_done_when_it_is_back(lonely: Stack, own_valkey: Valkey) -> None:
    stack, meeting = lonely, lonely.meeting(2)
    draft = stack.breakout(meeting, rooms=2, start="manual")
    path = f"/v1/breakouts/{draft['id']}"
    own_valkey.kill()
    answer = stack.api.get("/readyz")
    assert answer.status_code == 503
    assert "broker" in answer.json()["failing"]
    with (
        open_stream(stack.api, f"{path}/events", KEY) as events,
        open_stream(stack.api, "/v1/seat/events", stack.token(meeting, "p0")) as seats,
    ):
        assert seats.next().data["breakout"] is None
        assert stack.api.post(f"{path}/start").status_code == 202
        assert events.next().data["data"] == {"from": "draft", "to": "opening"}
        assert seats.next().data["breakout"]["state"] == "opening"
        own_valkey.start()
        stack.wait(draft["id"], "open", 60)
        moves = (event.data["data"]["to"] for event in events if event.name == "breakout.state")
        assert next(moves) == "open"
        assert next(event.data["room_id"] for event in seats if event.name == "seat" and event.data["room_id"])
    wait_until(lambda: stack.api.get("/readyz").is_success, what="readiness")


def test_a_worker_outlives_a_broker_that_dies_while_tasks_are_under_way(lonely: Stack, own_valkey: Valkey) -> None:
    stack, meeting = lonely, lonely.meeting(8)
    stack.sandbox.latency(1000)
    made = stack.breakout(meeting, rooms=4)
    wait_until(lambda: stack.sandbox.calls()["counts"].get("create_meeting", 0) > 1, what="rooms that are being made")
    with redis.Redis.from_url(own_valkey.url) as client:
        client.client_kill_filter(_type="pubsub")  # what a worker hears first decides how it goes on
    own_valkey.kill()
    stack.sandbox.latency(0)
    wait_until(lambda: "Connection to broker lost" in stack.workers[0].output, what="a worker that has noticed")
    own_valkey.start()
    stack.wait(made["id"], "open")
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")
    assert stack.workers[0].alive, stack.workers[0].output
