"""What a host does in an open breakout, as the people in its rooms see it: help, broadcasts, a poll, a recording."""

import httpx
import pytest

from tests.support.stack import JSON, Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("running", ["postgresql"], indirect=True)

PLAN = [{"name": "A", "participants": ["p0", "p1"]}, {"name": "B", "participants": ["p2", "p3"]}]
PEOPLE = ["p0", "p1", "p2", "p3", "h0"]


def test_a_host_hears_who_needs_help_and_everybody_hears_the_host(stack: Stack) -> None:
    meeting = stack.meeting(4, hosts=1)
    stack.people(meeting, PEOPLE)
    made = stack.breakout(meeting, rooms=PLAN, assignment={"mode": "manual"}, countdown_seconds=2)
    stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["joined"] == 4)
    path, (room, _) = f"/v1/breakouts/{made['id']}", made["rooms"]
    host = {"Authorization": f"Bearer {_host_token(stack, meeting)}"}
    person = {"Authorization": f"Bearer {stack.token(meeting, 'p0')}"}

    asked = stack.api.post("/v1/seat/help", headers=person)
    assert (asked.status_code, stack.api.post("/v1/seat/help", headers=person).status_code) == (201, 200)
    (row,) = stack.api.get(f"{path}/help", headers=host).json()["items"]
    assert (row["custom_participant_id"], row["room_name"], row["resolved_at"]) == ("p0", "A", None)
    _ok(stack.api.put("/v1/seat/room", headers=host, json={"room_id": row["room_id"]}))
    stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["joined"] == 5)
    _ok(stack.api.post(f"{path}/help/{row['id']}/resolve", headers=host))

    _ok(stack.api.post(f"{path}/broadcast", headers=host, json={"text": "two minutes", "room_ids": [room["id"]]}))
    _ok(stack.api.post(f"{path}/broadcast", headers=host, json={"text": "come back"}))
    _ok(stack.api.post(f"{path}/poll", headers=host, json={"question": "Done?", "options": ["yes", "no"]}))
    _ok(stack.api.post(f"{path}/rooms/{room['id']}/recording", headers=host, json={"action": "start"}))
    wait_until(lambda: stack.seat(meeting, "p1")["recorded"], what="a seat that says it is recorded")
    stack.wait(made["id"], "open", condition=lambda b: b["progress"]["recordings"]["recording"] == 1)
    wait_until(lambda: len(_polls(stack)) >= 2, what="a poll in each room")
    assert stack.seat(meeting, "p2")["recorded"] is False

    _ok(stack.api.post(f"{path}/close", headers=host))
    closed = stack.wait(made["id"], "closed", condition=lambda b: b["progress"]["recordings"]["uploaded"] == 1)
    assert closed["progress"]["participants"]["returned"] == 5
    everybody = {name: stack.crowds.notices(name) for name in PEOPLE}
    told = {name: [it["text"] for it in notices.broadcasts] for name, notices in everybody.items()}
    both, one = ["two minutes", "come back"], ["come back"]
    assert told == {"p0": both, "p1": both, "h0": both, "p2": one, "p3": one}
    assert all(notices.closings == [{"countdown_seconds": 2}] for notices in everybody.values())
    assert stack.crowds.wrongly_kicked() == []
    _check_log(stack.get(f"{path}/log?limit=200")["items"])


def _check_log(items: list[JSON]) -> None:
    assert [it["id"] for it in items] == list(range(1, len(items) + 1))
    actors = {it["type"]: it["actor"] for it in items}
    assert actors["help.requested"] == "participant:p0"
    assert actors["help.resolved"] == actors["breakout.broadcast"] == "host:h0"


def _host_token(stack: Stack, meeting: str) -> str:
    return str(stack.post(f"/v1/meetings/{meeting}/participants/h0/client-tokens", {"scope": "host"})["token"])


def _polls(stack: Stack) -> list[JSON]:
    """Return the polls that ask what this story's host asks."""
    sessions = stack.sandbox.state()["sessions"]
    return [poll for session in sessions for poll in session["polls"] if poll["question"] == "Done?"]


def _ok(answer: httpx.Response) -> None:
    assert answer.is_success, answer.text
