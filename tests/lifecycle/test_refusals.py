"""What RealtimeKit refuses is reported, and what may still work is retried until it does.

Calls without an answer are tested by tests/chaos/matrix.py, of which tests/chaos/test_sample.py plays a part.
"""

import pytest

from tests.support.stack import JSON, Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("refusals"), pytest.mark.parametrize("running", ["postgresql"], indirect=True)]

CREATE, RECORD, RETIRE = "create_meeting", "start_recordings", "update_meeting_by_id"


def test_people_of_a_refused_room_are_given_to_the_others(stack: Stack) -> None:
    meeting = stack.meeting(9)
    stack.sandbox.faults(
        {
            "operation": CREATE,
            "kind": "refuse",
            "status": 403,
            "message": "No more rooms",
            "match": "Blue",
            "times": None,
        }
    )
    made = stack.breakout(meeting, rooms=["Red", "Blue", "Green"])
    opened = stack.wait(made["id"], "open")
    rooms = {room["name"]: room for room in opened["rooms"]}
    assert rooms["Blue"]["state"] == "failed"
    assert "No more rooms" in rooms["Blue"]["error"]
    assert sorted(len(rooms[name]["participants"]) for name in ("Red", "Green")) == [4, 5]
    assert [problem["room_id"] for problem in opened["problems"]] == [rooms["Blue"]["id"]]
    _close(stack, made["id"])


def test_a_breakout_none_of_whose_rooms_can_be_had_has_failed(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults({"operation": CREATE, "kind": "refuse", "status": 400, "match": "Room", "times": None})
    made = stack.breakout(meeting, rooms=2)
    failed = stack.wait(made["id"], "failed")
    assert {room["state"] for room in failed["rooms"]} == {"failed"}
    assert failed["progress"]["participants"]["never_joined"] == 4


def test_with_abort_one_refused_room_ends_the_breakout(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults({"operation": CREATE, "kind": "refuse", "status": 403, "match": "Room 2", "times": None})
    made = stack.breakout(meeting, rooms=2, on_room_failure="abort", countdown_seconds=0)
    closed = stack.wait(made["id"], "closed")
    assert closed["close_reason"] == "aborted"


def test_with_keep_the_people_of_a_refused_room_stay_in_main(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults({"operation": CREATE, "kind": "refuse", "status": 403, "match": "Room 2", "times": None})
    made = stack.breakout(meeting, rooms=2, on_room_failure="keep")
    opened = stack.wait(made["id"], "open")
    states = {room["name"]: {one["state"] for one in room["participants"]} for room in opened["rooms"]}
    assert states == {"Room 1": {"invited"}, "Room 2": {"never_joined"}}
    _close(stack, made["id"])


def test_a_200_without_success_is_a_refusal(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.sandbox.faults({"operation": CREATE, "kind": "success_false", "match": "Room 1"})
    made = stack.breakout(meeting, rooms=2)
    opened = stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["admitted"] == 4)
    assert opened["progress"]["rooms"] == {"total": 2, "ready": 0, "open": 1, "closed": 0, "failed": 1}
    _close(stack, made["id"])


def test_a_recording_that_is_refused_is_reported_and_the_breakout_goes_on(stack: Stack) -> None:
    meeting = stack.meeting(2)
    stack.people(meeting, ["p0", "p1"])
    stack.sandbox.faults({"operation": RECORD, "kind": "refuse", "status": 400, "message": "No storage", "times": None})
    made = stack.breakout(meeting, rooms=1, record=True)
    opened = stack.wait(made["id"], "open", condition=_recording_failed_and_both_joined)
    assert "No storage" in opened["problems"][0]["detail"]
    assert _close(stack, made["id"])["progress"]["participants"]["returned"] == 2


def test_a_recording_that_is_refused_for_a_moment_is_started_after_all(stack: Stack) -> None:
    meeting = stack.meeting(1)
    stack.people(meeting, ["p0"])
    stack.sandbox.faults({"operation": RECORD, "kind": "refuse", "status": 400, "message": "Nobody is there"})
    made = stack.breakout(meeting, rooms=1, record=True)
    opened = stack.wait(made["id"], "open", condition=lambda b: b["progress"]["recordings"]["recording"] == 1)
    assert opened["problems"] == []
    _close(stack, made["id"])


def test_nobody_comes_and_the_recording_is_skipped(stack: Stack) -> None:
    meeting = stack.meeting(2)
    made = stack.breakout(meeting, rooms=1, record=True)
    stack.wait(made["id"], "open")
    closed = _close(stack, made["id"])
    assert closed["progress"]["participants"]["never_joined"] == 2
    assert closed["rooms"][0]["recording"]["state"] == "skipped"


def test_what_is_refused_of_an_open_room_is_reported(stack: Stack) -> None:
    meeting = stack.meeting(2)
    made = stack.breakout(meeting, rooms=["Red", "Blue"])
    room = stack.wait(made["id"], "open")["rooms"][0]
    stack.sandbox.faults({"operation": "update_meeting_by_id", "kind": "refuse", "status": 403, "message": "No names"})
    stack.patch(f"/v1/breakouts/{made['id']}/rooms/{room['id']}", {"name": "Crimson"})
    told = stack.wait(made["id"], "open", condition=lambda b: b["problems"])["problems"]
    assert [(it["what"], it["room_id"], it["detail"]) for it in told] == [
        ("RealtimeKit refused", room["id"], "No names")
    ]
    _close(stack, made["id"])


def test_whoever_may_be_there_gets_a_token_although_the_look_for_them_was_refused(stack: Stack) -> None:
    meeting = stack.meeting(1)
    stack.sandbox.faults(
        {"operation": "add_participant", "kind": "error_after", "match": '"p0"'},
        {"operation": "get_meeting_participants", "kind": "success_false"},
    )
    browser = {"Authorization": f"Bearer {stack.token(meeting, 'p0')}"}
    wait_until(lambda: stack.api.get("/v1/seat", headers=browser).json()["auth_token"], what="a token")
    assert stack.sandbox.faults_met() == 2


def test_an_outage_fails_no_room_and_everything_opens_after_it(stack: Stack) -> None:
    meeting = stack.meeting(6)
    stack.sandbox.faults({"kind": "error_before", "times": None})
    made = stack.breakout(meeting, rooms=3)
    stack.wait(made["id"], "opening", condition=lambda _: stack.sandbox.calls()["counts"].get(CREATE, 0) >= 3)
    stack.sandbox.faults()
    opened = stack.wait(made["id"], "open")
    assert opened["problems"] == []
    _close(stack, made["id"])


def test_a_surplus_meeting_is_told_of_once_though_retiring_it_was_not_answered(stack: Stack) -> None:
    meeting = stack.meeting(1)
    stack.sandbox.faults({"operation": CREATE, "kind": "error_after", "times": 1})
    made = stack.breakout(meeting, rooms=1)
    owned = stack.wait(made["id"], "open")["rooms"][0]["realtimekit_meeting_id"]
    title = next(it["title"] for it in stack.sandbox.state()["meetings"] if it["id"] == owned)
    with stack.parts() as deps:
        surplus = deps.realtimekit.run(deps.realtimekit.create_meeting(title)).id
    stack.sandbox.faults({"operation": RETIRE, "kind": "error_after", "times": 2, "match": surplus})
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    closed = stack.wait(made["id"], "closed")
    assert stack.sandbox.faults_met() >= 1
    told = [problem["what"] for problem in closed["problems"] if surplus in problem["detail"]]
    assert told == ["surplus retired"]
    alive = {it["id"] for it in stack.sandbox.state()["meetings"] if it["status"] == "ACTIVE"}
    assert not alive & {owned, surplus}


def _recording_failed_and_both_joined(breakout: JSON) -> bool:
    progress = breakout["progress"]
    return bool(progress["recordings"]["failed"] == 1 and progress["participants"]["joined"] == 2)


def _close(stack: Stack, breakout_id: str) -> JSON:
    stack.sandbox.faults()
    stack.post(f"/v1/breakouts/{breakout_id}/close", {"countdown_seconds": 0})
    return stack.wait(breakout_id, "closed")
