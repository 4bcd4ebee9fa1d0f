"""The main job: people are split into rooms, recorded, and brought home when time is up."""

from tests.support.stack import JSON, Stack

NAMES = [f"p{number}" for number in range(9)]


def test_everybody_finds_a_room_is_recorded_and_comes_home(stack: Stack) -> None:
    meeting = stack.meeting(9, hosts=1)
    stack.people(meeting, [*NAMES, "h0"])
    stack.crowds.settle()
    made = stack.breakout(meeting, rooms=4, duration_seconds=600, record=True, assignment={"seed": 7})
    assert made["state"] == "opening"

    opened = stack.wait(made["id"], "open", condition=_all_joined_and_recorded)
    assert sorted(len(room["participants"]) for room in opened["rooms"]) == [2, 2, 2, 3]
    _everybody_is_where_their_seat_is(stack, opened)

    stack.end_soon(made["id"])
    closed = stack.wait(made["id"], "closed")
    assert closed["close_reason"] == "timer"
    assert closed["progress"]["participants"]["returned"] == 9
    assert closed["closes_at"] <= closed["closed_at"]
    stack.crowds.settle()
    assert len(set(stack.crowds.where().values())) == 1
    stack.wait(made["id"], "closed", condition=lambda b: b["progress"]["recordings"]["uploaded"] == 4)
    _nothing_is_left_at_realtimekit(stack, closed)


def _all_joined_and_recorded(breakout: JSON) -> bool:
    progress = breakout["progress"]
    return bool(progress["participants"]["joined"] == 9 and progress["recordings"]["recording"] == 4)


def _everybody_is_where_their_seat_is(stack: Stack, breakout: JSON) -> None:
    for room in breakout["rooms"]:
        names = sorted(person["custom_participant_id"] for person in room["participants"])
        assert stack.sandbox.present(room["realtimekit_meeting_id"]) == names


def _nothing_is_left_at_realtimekit(stack: Stack, breakout: JSON) -> None:
    state = stack.sandbox.state()
    rooms = {room["realtimekit_meeting_id"] for room in breakout["rooms"]}
    assert all(meeting["status"] == "INACTIVE" for meeting in state["meetings"] if meeting["id"] in rooms)
    assert not [peer for peer in state["peers"] if peer["meeting_id"] in rooms and not peer["left_at"]]
    mine = [recording for recording in state["recordings"] if recording["meeting_id"] in rooms]
    assert [recording["status"] for recording in mine] == ["UPLOADED"] * 4
