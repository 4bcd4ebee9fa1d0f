"""A plan with rules, by real workers: its groups are dealt by a task, and its start waits for them."""

import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("running", ["postgresql"], indirect=True)
CIRCLE = [["p0", "p1"], ["p1", "p2"], ["p2", "p3"], ["p3", "p4"], ["p4", "p0"]]
"""Five who need three rooms, although no three of them must all be apart."""


def test_a_start_waits_for_the_solver_and_an_impossible_plan_fails(stack: Stack) -> None:
    meeting = stack.meeting(6)
    failed = stack.breakout(meeting, rooms=2, assignment={"apart": CIRCLE})
    stack.wait(failed["id"], "failed", condition=lambda b: [it["what"] for it in b["problems"]] == ["impossible plan"])
    made = stack.breakout(meeting, rooms=3, assignment={"apart": CIRCLE, "together": [["p0", "p5"]]})
    opened = stack.wait(made["id"], "open")
    assert (opened["plan"]["state"], opened["plan"]["spread"], opened["unassigned"]) == ("ready", 0, [])
    room_of = {it["custom_participant_id"]: room["id"] for room in opened["rooms"] for it in room["participants"]}
    assert room_of["p0"] == room_of["p5"]
    assert all(room_of[one] != room_of[other] for one, other in CIRCLE)
    assert opened["problems"] == []
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")
