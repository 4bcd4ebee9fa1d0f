"""Processes that die in the middle: another one continues, nothing is done twice, and the timer holds."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
import redis

from schemas.tasks import Queue
from tests.api.server import open_stream
from tests.support.databases import migrate_url
from tests.support.postgres import Postgres
from tests.support.processes import processes_in
from tests.support.stack import JSON, KEY, Stack, stack_in
from tests.support.valkey import Valkey, valkey_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("hurt")

RECOVERY_SECONDS = 20


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Run a broker that these tests may kill."""
    with valkey_in(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, broker: Valkey) -> Iterator[Stack]:
    """Run a system of their own, with two workers and two timekeepers."""
    folder, url = tmp_path_factory.mktemp("hurt"), postgres.migrated(migrate_url)
    with (
        processes_in(folder) as processes,
        stack_in(processes, database_url=url, broker_url=broker.url, home=folder / "home") as made,
    ):
        made.start(workers=2, timekeepers=2)
        yield made


@pytest.fixture
def stack(system: Stack) -> Iterator[Stack]:
    """Return that system, and replace the processes that were killed."""
    system.sandbox.forget_calls()
    yield system
    system.crowds.leave()
    system.workers = [worker for worker in system.workers if worker.alive]
    system.timekeepers = [timekeeper for timekeeper in system.timekeepers if timekeeper.alive]
    while len(system.workers) < 2:
        system.workers.append(system.start_worker())
    while len(system.timekeepers) < 2:
        system.timekeepers.append(system.start_timekeeper())
    for worker in system.workers:
        worker.wait_for_text(" ready.", 60)


def test_a_worker_killed_while_opening_is_replaced_and_nothing_is_made_twice(stack: Stack) -> None:
    meeting = stack.meeting(24)
    stack.sandbox.latency(400)
    made = stack.breakout(meeting, rooms=8)
    wait_until(lambda: stack.sandbox.calls()["counts"].get("add_participant", 0) >= 6, what="admissions under way")
    killed_at = time.monotonic()
    stack.workers[0].kill()
    stack.sandbox.latency(0)
    opened = stack.wait(made["id"], "open", deadline=RECOVERY_SECONDS + 10)
    assert time.monotonic() - killed_at < RECOVERY_SECONDS
    _every_room_and_person_exists_once(stack, opened)
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    closed = stack.wait(made["id"], "closed")
    _no_room_is_left_alive(stack, closed)


def test_a_worker_killed_while_closing_is_replaced(stack: Stack) -> None:
    meeting = stack.meeting(12)
    stack.people(meeting, [f"p{number}" for number in range(12)])
    made = stack.breakout(meeting, rooms=6, record=True)
    stack.wait(made["id"], "open", condition=lambda b: b["progress"]["recordings"]["recording"] == 6)
    stack.sandbox.latency(400)
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stopped = "pause_resume_stop_recording"
    wait_until(lambda: stack.sandbox.calls()["counts"].get(stopped, 0) >= 2, what="closing under way")
    killed_at = time.monotonic()
    stack.workers[0].kill()
    stack.sandbox.latency(0)
    closed = stack.wait(made["id"], "closed", deadline=RECOVERY_SECONDS + 10)
    assert time.monotonic() - killed_at < RECOVERY_SECONDS
    assert closed["progress"]["participants"]["returned"] == 12
    _no_room_is_left_alive(stack, closed)
    rooms = {room["realtimekit_meeting_id"] for room in closed["rooms"]}
    recordings = [it for it in stack.sandbox.state()["recordings"] if it["meeting_id"] in rooms]
    assert len(recordings) == 6
    assert all(recording["status"] in ("UPLOADING", "UPLOADED") for recording in recordings)


def test_a_breakout_closes_on_time_though_the_broker_was_emptied(stack: Stack, broker: Valkey) -> None:
    meeting = stack.meeting(4)
    stack.people(meeting, [f"p{number}" for number in range(4)])
    made = stack.breakout(meeting, rooms=2, duration_seconds=600)
    stack.wait(made["id"], "open")
    with redis.Redis.from_url(broker.url) as client:
        client.flushall()
    stack.end_soon(made["id"])
    closed = stack.wait(made["id"], "closed")
    assert closed["close_reason"] == "timer"
    assert closed["progress"]["participants"]["returned"] == 4


def test_work_goes_on_when_the_broker_comes_back_empty(stack: Stack, broker: Valkey) -> None:
    meeting = stack.meeting(6)
    broker.kill()
    made = stack.breakout(meeting, rooms=3)
    assert made["state"] == "opening"
    broker.start()
    with redis.Redis.from_url(broker.url) as client:
        client.flushall()
    stack.wait(made["id"], "open")


def test_what_is_asked_for_while_the_broker_is_away_is_done_when_it_is_back(stack: Stack, broker: Valkey) -> None:
    meeting = stack.meeting(2)
    draft = stack.breakout(meeting, rooms=2, start="manual")
    path = f"/v1/breakouts/{draft['id']}"
    broker.kill()
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
        broker.start()
        stack.wait(draft["id"], "open")
        moves = (event.data["data"]["to"] for event in events if event.name == "breakout.state")
        assert next(moves) == "open"
        assert next(event.data["room_id"] for event in seats if event.name == "seat" and event.data["room_id"])
    wait_until(lambda: stack.api.get("/readyz").is_success, what="readiness")
    with redis.Redis.from_url(broker.url) as client:
        left = [client.ttl(stack.keys.served(queue)) for queue in Queue]
    assert all(0 < seconds <= 10 for seconds in left), "a worker that dies is missed when these are over"


def test_a_worker_outlives_a_broker_that_dies_while_tasks_are_under_way(stack: Stack, broker: Valkey) -> None:
    meeting = stack.meeting(8)
    stack.sandbox.latency(1000)
    made = stack.breakout(meeting, rooms=4)
    wait_until(lambda: stack.sandbox.calls()["counts"].get("create_meeting", 0) > 1, what="rooms that are being made")
    logs = [(worker, len(worker.output)) for worker in stack.workers]
    with redis.Redis.from_url(broker.url) as client:
        client.client_kill_filter(_type="pubsub")  # the worker continues according to the error that it gets first
    broker.kill()
    stack.sandbox.latency(0)
    noticed = "Connection to broker lost"
    wait_until(lambda: all(noticed in it.output[told:] for it, told in logs), what="workers that have noticed")
    broker.start()
    stack.wait(made["id"], "open")
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")
    assert stack.workers[0].alive, stack.workers[0].output


def test_two_timekeepers_do_no_harm(stack: Stack) -> None:
    meeting = stack.meeting(6)
    made = stack.breakout(meeting, rooms=3, duration_seconds=10, countdown_seconds=0)
    stack.wait(made["id"], "open")
    stack.timekeepers[0].kill()
    closed = stack.wait(made["id"], "closed")
    _every_room_and_person_exists_once(stack, closed)
    assert closed["progress"]["participants"]["never_joined"] == 6


def _every_room_and_person_exists_once(stack: Stack, breakout: JSON) -> None:
    state = stack.sandbox.state()
    rooms = {room["realtimekit_meeting_id"]: room for room in breakout["rooms"]}
    titles = Counter(
        meeting["title"].split(" [")[0] for meeting in state["meetings"] if breakout["name"] in meeting["title"]
    )
    assert list(titles.values()) == [1] * len(rooms), titles
    admitted = Counter(
        (one["meeting_id"], one["custom_participant_id"]) for one in state["participants"] if one["meeting_id"] in rooms
    )
    assert set(admitted.values()) == {1}, admitted
    assert len(admitted) == sum(len(room["participants"]) for room in breakout["rooms"])


def _no_room_is_left_alive(stack: Stack, breakout: JSON) -> None:
    rooms = {room["realtimekit_meeting_id"] for room in breakout["rooms"]}
    meetings = [it for it in stack.sandbox.state()["meetings"] if breakout["name"] in it["title"]]
    assert not [meeting["title"] for meeting in meetings if meeting["status"] == "ACTIVE"]
    assert None not in rooms
