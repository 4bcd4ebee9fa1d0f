"""Things that die in the middle: another process goes on, nothing is made twice, and the timer holds."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.databases import migrate_url
from tests.support.postgres import Postgres
from tests.support.processes import Processes
from tests.support.stack import JSON, Stack, stack_in
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

RECOVERY_SECONDS = 20


@pytest.fixture
def stack(postgres: Postgres, own_valkey: Valkey, processes: Processes, tmp_path: Path) -> Iterator[Stack]:
    """A system of this test's own, to be hurt."""
    url = postgres.migrated(migrate_url)
    with stack_in(processes, database_url=url, broker_url=own_valkey.url, home=tmp_path / "home") as made:
        yield made
    processes.kill_all()
    postgres.drop(url)


def test_a_worker_killed_while_opening_is_replaced_and_nothing_is_made_twice(stack: Stack) -> None:
    stack.start(workers=2)
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
    stack.start(workers=2)
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
    recordings = stack.sandbox.state()["recordings"]
    assert len(recordings) == 6
    assert all(recording["status"] in ("UPLOADING", "UPLOADED") for recording in recordings)


def test_a_breakout_closes_on_time_though_the_broker_was_emptied(stack: Stack) -> None:
    stack.start()
    meeting = stack.meeting(4)
    stack.people(meeting, [f"p{number}" for number in range(4)])
    made = stack.breakout(meeting, rooms=2, duration_seconds=10)
    stack.wait(made["id"], "open")
    with redis.Redis.from_url(stack.environment["BROKER_URL"]) as broker:
        broker.flushall()
    closed = stack.wait(made["id"], "closed")
    assert closed["close_reason"] == "timer"
    assert closed["progress"]["participants"]["returned"] == 4


def test_work_goes_on_when_the_broker_comes_back_empty(stack: Stack, own_valkey: Valkey) -> None:
    stack.start()
    meeting = stack.meeting(6)
    own_valkey.kill()
    made = stack.breakout(meeting, rooms=3)
    assert made["state"] == "opening"
    own_valkey.start()
    with redis.Redis.from_url(own_valkey.url) as broker:
        broker.flushall()
    stack.wait(made["id"], "open")


def test_two_timekeepers_do_no_harm(stack: Stack) -> None:
    stack.start(timekeepers=2)
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
    titles = Counter(meeting["title"].split(" [")[0] for meeting in state["meetings"] if "[" in meeting["title"])
    assert set(titles.values()) == {1}, titles
    admitted = Counter(
        (one["meeting_id"], one["custom_participant_id"]) for one in state["participants"] if one["meeting_id"] in rooms
    )
    assert set(admitted.values()) == {1}, admitted
    assert len(admitted) == sum(len(room["participants"]) for room in breakout["rooms"])


def _no_room_is_left_alive(stack: Stack, breakout: JSON) -> None:
    rooms = {room["realtimekit_meeting_id"] for room in breakout["rooms"]}
    alive = [m["title"] for m in stack.sandbox.state()["meetings"] if m["status"] == "ACTIVE" and "[" in m["title"]]
    assert not alive
    assert None not in rooms
