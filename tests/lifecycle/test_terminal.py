"""An operator at a terminal: a breakout from its opening to everybody's return, and a check of the deployment."""

import json
from datetime import datetime

import pytest

from tests.support.lossy import LOST, THROUGH, LossyProxy
from tests.support.processes import Process, Processes
from tests.support.stack import JSON, KEY, Stack
from tests.support.terminal import Terminal, terminal_with

pytestmark = pytest.mark.parametrize("running", ["sqlite"], indirect=True)


@pytest.fixture
def terminal(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Make an operator's terminal."""
    return terminal_with({"BREAKOUTS_API_URL": stack.url, "BREAKOUTS_API_KEY": KEY}, monkeypatch, capsys)


def _start(stack: Stack, processes: Processes, *arguments: str) -> Process:
    env = {**stack.environment, "BREAKOUTS_API_KEY": KEY, "COLUMNS": "200"}
    return processes.breakouts(*arguments, env=env)


def _lines(process: Process) -> list[JSON]:
    return [json.loads(line) for line in process.output.splitlines() if line.startswith("{")]


def test_a_breakout_is_opened_and_followed_to_its_good_end(
    stack: Stack, processes: Processes, terminal: Terminal
) -> None:
    meeting = stack.meeting(4)
    stack.people(meeting, [f"p{number}" for number in range(4)])
    stack.crowds.settle()
    options = ("--rooms", "2", "--duration", "1h", "--record", "--watch", "--uploads", "--json")
    watched = _start(stack, processes, "open", meeting, *options)
    watched.wait_for_text('"joined": 4', 60)
    watched.wait_for_text('"recording": 2', 60)
    assert terminal("close", _lines(watched)[0]["id"], "--countdown", "1s").code == 0
    assert watched.wait(90) == 0, watched.output
    lines = _lines(watched)
    states = list(dict.fromkeys(line["state"] for line in lines))
    assert states == ["opening", "open", "closing", "closed"]
    assert max(line["progress"]["participants"]["joined"] for line in lines) == 4
    assert lines[-1]["progress"]["participants"]["returned"] == 4
    assert lines[-1]["progress"]["recordings"]["uploaded"] == 2
    assert "rooms" not in lines[-1]


def test_one_that_ends_badly_is_1_with_the_reasons(stack: Stack, processes: Processes) -> None:
    meeting = stack.meeting(2)
    stack.sandbox.faults(
        {"operation": "create_meeting", "kind": "refuse", "status": 403, "message": "No more rooms", "times": None}
    )
    made = stack.breakout(meeting, rooms=2)
    watched = _start(stack, processes, "watch", made["id"])
    assert watched.wait() == 1, watched.output
    assert "breakouts: the breakout is failed" in watched.output
    assert "Room 1 is failed: No more rooms" in watched.output
    reported = _start(stack, processes, "report", made["id"])
    assert reported.wait() == 1
    assert "Room 2 (failed)" in reported.output


def _closes_at(breakout: JSON) -> float:
    return datetime.fromisoformat(breakout["closes_at"]).timestamp()


def test_the_timer_is_moved_once_even_where_an_answer_is_lost(stack: Stack, terminal: Terminal) -> None:
    made = stack.breakout(stack.meeting(2), rooms=2, duration_seconds=600)
    before = _closes_at(stack.wait(made["id"], "open"))
    later = terminal("extend", made["id"], "5m")
    assert later.code == 0, later.err
    assert later.out.startswith(f"{made['name']} is open: ")
    with LossyProxy(stack.url, THROUGH, LOST) as proxy:
        earlier = terminal("extend", made["id"], "-1m", "--json", BREAKOUTS_API_URL=proxy.url)
    assert [asked[0] for asked in proxy.received] == ["GET", "PATCH", "GET"]
    assert _closes_at(earlier.json) - before == 240
    assert _closes_at(stack.see(made["id"])) - before == 240
    assert terminal("close", made["id"], "--countdown", "0s", "--watch").code == 0
    assert terminal("extend", made["id"], "5m").code == 3


def test_a_person_is_moved_to_a_room_by_whatever_it_is_called_and_back_to_main(
    stack: Stack, terminal: Terminal
) -> None:
    made = stack.breakout(stack.meeting(2), rooms=["Red", "Blue"], start="manual")
    red, blue = made["rooms"]
    for room, wanted in (("Blue", blue), ("0", red), (blue["id"], blue)):
        moved = terminal("move", made["id"], "p0", room)
        assert (moved.code, moved.out) == (0, f"p0 goes to {wanted['name']}\n"), moved.err
        people = {seen["id"]: seen["participants"] for seen in stack.see(made["id"])["rooms"]}
        assert "p0" in [person["custom_participant_id"] for person in people[wanted["id"]]]
    assert terminal("move", made["id"], "p0", "main").code == 0
    assert "p0" in stack.see(made["id"])["unassigned"]
    nowhere = terminal("move", made["id"], "p0", "Green")
    assert nowhere.code == 2
    assert "no room 'Green'; it has 0 Red, 1 Blue" in nowhere.err
    assert terminal("move", made["id"], "nobody", "Red").code == 3


def test_nothing_fails_at_a_deployment_that_runs(stack: Stack, processes: Processes) -> None:
    diagnosed = _start(stack, processes, "doctor", "--json")
    assert diagnosed.wait() == 0, diagnosed.output
    (found,) = _lines(diagnosed)
    status = {check["name"]: check["status"] for check in found["checks"]}
    assert set(status.values()) == {"ok"}, found
