"""Operators change a running breakout: its clock, people and room names; and prepare one ahead of its start."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.stack import JSON, Stack, person
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("running", ["postgresql"], indirect=True)


def test_the_clock_is_extended_paused_and_set(stack: Stack) -> None:
    made = stack.breakout(stack.meeting(1), rooms=1, duration_seconds=60, warn_before_seconds=[3600, 58, 57])
    opened = stack.wait(made["id"], "open")
    path = f"/v1/breakouts/{made['id']}"
    assert _time(opened["closes_at"]) == _time(opened["opened_at"]) + timedelta(seconds=60)

    longer = stack.patch(path, {"extend_seconds": 120})
    assert _time(longer["closes_at"]) == _time(opened["closes_at"]) + timedelta(seconds=120)
    assert longer["version"] == opened["version"] + 1

    paused = stack.patch(path, {"paused": True})
    assert paused["paused"] is True
    assert paused["closes_at"] is None
    assert 150 < paused["remaining_seconds"] <= 180
    assert stack.patch(path, {"paused": True})["version"] == paused["version"]
    assert stack.patch(path, {"extend_seconds": -100})["remaining_seconds"] == paused["remaining_seconds"] - 100

    going_on = stack.patch(path, {"paused": False})
    assert going_on["paused"] is False
    assert going_on["remaining_seconds"] is None
    refused = stack.api.patch(path, json={"extend_seconds": -3600})
    assert refused.status_code == 422
    assert "before now" in refused.json()["detail"]

    soon = datetime.now(UTC) + timedelta(seconds=1)
    stack.patch(path, {"closes_at": soon.isoformat()})
    closed = stack.wait(made["id"], "closed")
    assert closed["close_reason"] == "timer"
    assert _time(closed["closes_at"]) == soon


def test_warnings_come_at_their_times_and_again_after_an_extension(stack: Stack) -> None:
    made = stack.breakout(stack.meeting(1), rooms=1, duration_seconds=10, warn_before_seconds=[300, 9, 8])
    opened = stack.wait(made["id"], "open")
    wait_until(lambda: _warnings(stack, made["id"]) == [9, 8], what="both warnings")
    stack.patch(f"/v1/breakouts/{made['id']}", {"extend_seconds": 3})
    wait_until(lambda: _warnings(stack, made["id"]) == [9, 8, 9, 8], what="both warnings again")
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")
    assert opened["warn_before_seconds"] == [300, 9, 8]


def test_a_person_moves_to_another_room_and_back_to_main(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.people(meeting, [f"p{number}" for number in range(4)])
    made = stack.breakout(meeting, rooms=2)
    opened = stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["joined"] == 4)
    first, second = opened["rooms"]
    mover = first["participants"][0]["custom_participant_id"]

    stack.move(made["id"], mover, second["id"])
    moved = stack.wait(made["id"], "open", condition=lambda b: _seat_of(b, mover) == (second["id"], "joined"))
    assert stack.sandbox.present(second["realtimekit_meeting_id"]) == _names(moved["rooms"][1])
    assert mover not in stack.sandbox.present(first["realtimekit_meeting_id"])

    stack.move(made["id"], mover, first["id"])
    stack.wait(made["id"], "open", condition=lambda b: _seat_of(b, mover) == (first["id"], "joined"))
    added = [
        one for one in stack.sandbox.state()["participants"] if one["meeting_id"] == first["realtimekit_meeting_id"]
    ]
    assert sorted(one["custom_participant_id"] for one in added) == _names(first), "nobody is admitted twice to a room"

    stack.move(made["id"], mover, None)
    wait_until(lambda: stack.crowds.where()[mover] not in _meetings(opened), what="the way back to main")
    assert mover in stack.see(made["id"])["unassigned"]
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    assert stack.wait(made["id"], "closed")["progress"]["participants"]["returned"] == 4


def test_who_does_not_leave_the_old_room_is_put_out_of_it(stack: Stack) -> None:
    meeting = stack.meeting(1)
    made = stack.breakout(meeting, rooms=2, assignment={"seed": 1})
    opened = stack.wait(made["id"], "open")
    old = next(room for room in opened["rooms"] if room["participants"])
    new = next(room for room in opened["rooms"] if not room["participants"])
    token = stack.seat(meeting, "p0")["auth_token"]
    stack.sandbox.join(token)
    stack.wait(made["id"], "open", condition=lambda b: _seat_of(b, "p0") == (old["id"], "joined"))
    stack.move(made["id"], "p0", new["id"])
    wait_until(lambda: stack.seat(meeting, "p0")["room_id"] == new["id"], what="the new seat")
    wait_until(lambda: stack.sandbox.present(old["realtimekit_meeting_id"]) == [], what="the kick")
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")


def test_a_room_is_renamed_here_and_at_realtimekit(stack: Stack) -> None:
    made = stack.breakout(stack.meeting(1), rooms=["Red", "Blue"])
    opened = stack.wait(made["id"], "open")
    red = opened["rooms"][0]
    path = f"/v1/breakouts/{made['id']}/rooms/{red['id']}"
    assert stack.patch(path, {"name": "Green"})["name"] == "Green"
    assert stack.api.patch(path, json={"name": "Blue"}).status_code == 422
    wait_until(lambda: "Green" in _title(stack, red["realtimekit_meeting_id"]), what="the new title")
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")


def test_a_prepared_breakout_starts_without_a_call_and_a_cancelled_one_leaves_nothing(stack: Stack) -> None:
    meeting = stack.meeting(5)
    made = stack.breakout(meeting, rooms=2, start="manual")
    assert stack.api.post(f"/v1/breakouts/{made['id']}/prepare").status_code == 202
    ready = stack.wait(made["id"], "draft", condition=lambda b: b["progress"]["rooms"]["ready"] == 2)
    assert ready["progress"]["participants"]["admitted"] == 5
    assert stack.api.post(f"/v1/breakouts/{made['id']}/prepare").status_code == 202
    assert stack.seat(meeting, "p0")["location"] == "main"

    other = stack.breakout(meeting, rooms=2, start="manual")
    stack.post(f"/v1/breakouts/{other['id']}/prepare")
    stack.wait(other["id"], "draft", condition=lambda b: b["progress"]["rooms"]["ready"] == 2)
    stack.post(f"/v1/breakouts/{other['id']}/cancel")
    gone = stack.wait(other["id"], "cancelled", condition=lambda b: b["progress"]["rooms"]["closed"] == 2)
    assert {_status(stack, room["realtimekit_meeting_id"]) for room in gone["rooms"]} == {"INACTIVE"}

    stack.sandbox.faults({"operation": "*", "kind": "error_before"})
    stack.post(f"/v1/breakouts/{made['id']}/start")
    opened = stack.wait(made["id"], "open")
    assert _meetings(opened) == _meetings(ready)
    assert stack.seat(meeting, "p0")["location"] == "room"
    stack.sandbox.faults()
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")


def test_who_came_or_was_taken_out_since_the_preparation_is_where_they_belong_after_the_start(stack: Stack) -> None:
    meeting = stack.meeting(5)
    made = stack.breakout(meeting, rooms=2, start="manual")
    stack.post(f"/v1/breakouts/{made['id']}/prepare")
    stack.wait(made["id"], "draft", condition=lambda b: b["progress"]["participants"]["admitted"] == 5)
    stack.post(f"/v1/meetings/{meeting}/participants", {"participants": [person("late")]})
    stack.move(made["id"], "p0", None)
    stack.post(f"/v1/breakouts/{made['id']}/start")
    opened = stack.wait(made["id"], "open", condition=lambda b: _seat_of(b, "late")[1] == "invited")
    assert opened["unassigned"] == ["p0"]
    assert stack.seat(meeting, "p0")["location"] == "main"
    assert stack.seat(meeting, "late")["location"] == "room"
    assert sorted(len(room["participants"]) for room in opened["rooms"]) in ([2, 3], [1, 4])
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")


def test_a_breakout_that_is_cancelled_amid_its_preparation_leaves_nothing(stack: Stack) -> None:
    meeting = stack.meeting(6)
    made = stack.breakout(meeting, rooms=3, start="manual")
    stack.sandbox.latency(300)
    stack.post(f"/v1/breakouts/{made['id']}/prepare")
    wait_until(lambda: _active(stack, made["name"]), what="the first child meeting")
    stack.post(f"/v1/breakouts/{made['id']}/cancel")
    stack.wait(made["id"], "cancelled", condition=lambda b: b["progress"]["rooms"]["closed"] == 3)
    assert _active(stack, made["name"]) == []


def test_a_scheduled_breakout_is_prepared_and_starts_by_itself(stack: Stack) -> None:
    starts_at = datetime.now(UTC) + timedelta(seconds=4)
    made = stack.breakout(stack.meeting(3), rooms=2, start=starts_at.isoformat())
    assert made["state"] == "scheduled"
    assert _time(made["starts_at"]) == starts_at
    stack.wait(made["id"], "scheduled", condition=lambda b: b["progress"]["rooms"]["ready"] == 2)
    opened = stack.wait(made["id"], "open")
    assert _time(opened["opened_at"]) >= starts_at
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")


def test_people_whom_nobody_registered_are_dealt_when_it_is_prepared_and_when_it_starts(stack: Stack) -> None:
    meeting = stack.meeting(0)
    path = f"/v1/breakouts/{stack.breakout(meeting, room_size=2, assignment={'who': 'present'}, start='manual')['id']}"
    peers = [_come_by_themselves(stack, meeting, f"e{number}") for number in range(4)]
    wait_until(lambda: stack.get(f"/v1/meetings/{meeting}")["present_count"] == 4, what="the import")
    stack.post(f"{path}/prepare")
    wait_until(lambda: stack.get(path)["progress"]["rooms"]["ready"] == 2, what="the rooms")
    stack.sandbox.leave(peers[0])
    for name in ("e4", "e5"):
        _come_by_themselves(stack, meeting, name)
    here = {f"e{number}" for number in range(1, 6)}
    people = f"/v1/meetings/{meeting}/participants"
    wait_until(
        lambda: {it["custom_participant_id"] for it in stack.get(people)["items"] if it["present"]} == here,
        what="the news of who is there",
    )
    stack.post(f"{path}/start")
    opened = stack.wait(path.rpartition("/")[2], "open")
    groups = [[one["custom_participant_id"] for one in room["participants"]] for room in opened["rooms"]]
    assert (sorted(map(len, groups)), {name for group in groups for name in group}) == ([1, 2, 2], here)
    stack.post(f"{path}/close", {"countdown_seconds": 0})
    stack.wait(path.rpartition("/")[2], "closed")


def _come_by_themselves(stack: Stack, meeting: str, name: str) -> str:
    """Let somebody join the main meeting as the caller's own backend does. Returns their peer's id."""
    parent = stack.get(f"/v1/meetings/{meeting}")["realtimekit_meeting_id"]
    with stack.parts() as deps:
        kit = deps.realtimekit
        adding = kit.add_participant(
            parent, custom_participant_id=name, name=name, preset_name="group_call_participant"
        )
        return str(stack.sandbox.join(kit.run(adding).token or "")["peer_id"])


def test_who_comes_late_is_seated_in_the_least_filled_room(stack: Stack) -> None:
    meeting = stack.meeting(3)
    made = stack.breakout(meeting, rooms=2)
    stack.wait(made["id"], "open")
    stack.post(f"/v1/meetings/{meeting}/participants", {"participants": [person("late"), person("boss", role="host")]})
    seated = stack.wait(made["id"], "open", condition=lambda b: _seat_of(b, "late")[1] == "invited")
    assert sorted(len(room["participants"]) for room in seated["rooms"]) == [2, 2]
    assert stack.seat(meeting, "late")["location"] == "room"
    assert stack.seat(meeting, "boss")["location"] == "main"
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")


def test_a_room_token_that_no_secret_opens_any_more_is_made_anew(stack: Stack) -> None:
    meeting = stack.meeting(1)
    made = stack.breakout(meeting, rooms=1)
    stack.wait(made["id"], "open")
    stack.execute("UPDATE seat SET auth_token = 'of another time' WHERE breakout_id = :id", id=made["id"])
    seat = wait_until(lambda: _in_a_room(stack, meeting), what="the seat in the room")
    assert seat is not None
    assert stack.sandbox.join(seat["auth_token"])["meeting_id"] == seat["realtimekit_meeting_id"]
    admitted = stack.sandbox.state()["participants"]
    assert len([one for one in admitted if one["meeting_id"] == seat["realtimekit_meeting_id"]]) == 1
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")


def _in_a_room(stack: Stack, meeting: str) -> JSON | None:
    seat = stack.seat(meeting, "p0")
    return seat if seat["location"] == "room" else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _warnings(stack: Stack, breakout_id: str) -> list[int]:
    events = stack.get(f"/v1/breakouts/{breakout_id}/log?limit=200")["items"]
    return [event["data"]["remaining_seconds"] for event in events if event["type"] == "breakout.warning"]


def _names(room: JSON) -> list[str]:
    return sorted(one["custom_participant_id"] for one in room["participants"])


def _seat_of(breakout: JSON, name: str) -> tuple[str, str]:
    for room in breakout["rooms"]:
        for one in room["participants"]:
            if one["custom_participant_id"] == name:
                return room["id"], one["state"]
    return "", ""


def _meetings(breakout: JSON) -> set[str]:
    return {room["realtimekit_meeting_id"] for room in breakout["rooms"]}


def _meeting_at_realtimekit(stack: Stack, meeting_id: str) -> JSON:
    found: JSON = next(one for one in stack.sandbox.state()["meetings"] if one["id"] == meeting_id)
    return found


def _active(stack: Stack, breakout_name: str) -> list[str]:
    """Return the child meetings of a breakout that people could still be in."""
    titles = [one["title"] for one in stack.sandbox.state()["meetings"] if one["status"] == "ACTIVE"]
    return [title for title in titles if title.startswith(f"{breakout_name} ·")]


def _title(stack: Stack, meeting_id: str) -> str:
    return str(_meeting_at_realtimekit(stack, meeting_id)["title"])


def _status(stack: Stack, meeting_id: str) -> str:
    return str(_meeting_at_realtimekit(stack, meeting_id)["status"])


def test_rooms_come_and_go_while_it_is_open(stack: Stack) -> None:
    meeting = stack.meeting(4)
    stack.people(meeting, [f"p{number}" for number in range(4)])
    made = stack.breakout(meeting, rooms=2, countdown_seconds=1, warn_before_seconds=[2], record=True)
    opened = stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["joined"] == 4)
    path, (first, second) = f"/v1/breakouts/{made['id']}", opened["rooms"]

    added = stack.api.post(f"{path}/rooms", json={"name": "Extra"})
    assert added.status_code == 202
    extra = added.json()["id"]
    stack.wait(made["id"], "open", condition=lambda b: b["rooms"][2]["state"] == "open")
    mover = _names(first)[0]
    stack.move(made["id"], mover, extra)
    stack.wait(made["id"], "open", condition=lambda b: _seat_of(b, mover) == (extra, "joined"))

    soon = datetime.now(UTC) + timedelta(seconds=3)
    stack.patch(f"{path}/rooms/{second['id']}", {"closes_at": soon.isoformat()})
    stack.wait(made["id"], "open", condition=lambda b: b["rooms"][1]["state"] == "closed")
    assert _warnings(stack, made["id"]) == [2]
    done = stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["returned"] == 2)
    assert done["progress"]["participants"]["joined"] == 2

    moves = stack.post(f"{path}/rebalance", {"min_room_size": 2})["moves"]
    assert len(moves) == 1
    stack.wait(made["id"], "open", condition=lambda b: b["progress"]["rooms"]["closed"] == 2)
    here = stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["joined"] == 2)
    (last,) = (room for room in here["rooms"] if room["state"] == "open")
    assert len(last["participants"]) == 2

    deleted = stack.api.delete(f"{path}/rooms/{last['id']}")
    assert (deleted.status_code, deleted.json()["deleted"]) == (202, True)
    closed = stack.wait(made["id"], "closed")
    assert closed["close_reason"] == "api"
    assert closed["progress"]["participants"]["returned"] == 4
    assert closed["progress"]["participants"]["total"] == 4


def test_a_countdown_is_called_off(stack: Stack) -> None:
    meeting = stack.meeting(1)
    made = stack.breakout(meeting, rooms=1, countdown_seconds=600)
    stack.wait(made["id"], "open")
    path = f"/v1/breakouts/{made['id']}"
    stack.post(f"{path}/close")
    assert stack.seat(meeting, "p0")["breakout"]["empties_at"]
    assert stack.patch(path, {"closes_at": None})["state"] == "open"
    seat = stack.seat(meeting, "p0")
    assert (seat["location"], seat["breakout"]["empties_at"]) == ("room", None)
    stack.post(f"{path}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed")
