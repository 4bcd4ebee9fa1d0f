"""Changes to planned breakouts, and refusals by state. No worker runs here, so nothing opens."""

import pytest

from tests.api.server import JSON, UNKNOWN_ID, Api, checked

LATER = "2199-01-01T00:00:00+00:00"
CLOCK = [{"closes_at": LATER}, {"closes_at": None}, {"extend_seconds": 60}, {"paused": True}]
MALFORMED = [
    {},
    {"name": "New", "paused": True},
    {"name": None},
    {"extend_seconds": None},
    {"paused": None},
    {"closes_at": None, "paused": False},
    {"closes_at": "2099-01-01T00:00:00Z", "record": True},
    {"closes_at": "tomorrow"},
    {"closes_at": 5},
    {"closes_at": "2026-01-01T00:00:00"},
    {"extend_seconds": "60"},
    {"extend_seconds": 10**6},
    {"paused": "yes"},
    {"rooms": 0},
    {"rooms": 2, "room_size": 3},
    {"assignment": {"mode": "by hand"}},
    {"assignment": None},
    {"start": "2020-01-01T00:00:00Z"},
    {"from_breakout": UNKNOWN_ID},
]


def patch(api: Api, path: str, body: JSON, expect: int = 200) -> JSON:
    return checked(api.client.patch(path, json=body), expect)


def move(api: Api, made: JSON, name: str, room_id: str | None, expect: int = 200) -> JSON:
    path = f"/v1/breakouts/{made['id']}/participants/{name}/room"
    return checked(api.client.put(path, json={"room_id": room_id}), expect)


def who(room: JSON) -> set[str]:
    return {person["custom_participant_id"] for person in room["participants"]}


def test_a_breakout_gets_another_name_and_its_version_counts_that(api: Api) -> None:
    made = api.breakout(api.meeting("ana"))
    renamed = patch(api, f"/v1/breakouts/{made['id']}", {"name": "Second try"})
    assert renamed["name"] == "Second try"
    assert renamed["version"] == made["version"] + 1
    assert patch(api, f"/v1/breakouts/{made['id']}", {"name": "Second try"})["version"] == renamed["version"]


@pytest.mark.parametrize("body", CLOCK, ids=str)
def test_the_clock_of_what_is_not_open_can_not_be_changed(api: Api, body: JSON) -> None:
    made = api.breakout(api.meeting("ana"), duration_seconds=60)
    refused = patch(api, f"/v1/breakouts/{made['id']}", body, 409)
    allowed = ["closing", "open"] if "closes_at" in body else ["open"]
    assert (refused["state"], refused["allowed"]) == ("draft", allowed)
    refused = patch(api, f"/v1/breakouts/{made['id']}/rooms/{made['rooms'][0]['id']}", body, 409)
    assert (refused["state"], refused["allowed"]) == ("draft", ["open"])
    refused = api.post(f"/v1/breakouts/{made['id']}/rebalance", {"min_room_size": 2}, expect=409)
    assert (refused["state"], refused["allowed"]) == ("draft", ["open"])
    assert api.get(f"/v1/breakouts/{made['id']}") == made


@pytest.mark.parametrize("body", MALFORMED, ids=str)
def test_a_change_that_makes_no_sense_changes_nothing(api: Api, body: JSON) -> None:
    made = api.breakout(api.meeting("ana"))
    assert patch(api, f"/v1/breakouts/{made['id']}", body, 422)["errors"]
    assert api.get(f"/v1/breakouts/{made['id']}") == made


def test_a_room_is_renamed_before_the_start(api: Api) -> None:
    made = api.breakout(api.meeting("ana"), rooms=["Red", "Blue"])
    path = f"/v1/breakouts/{made['id']}/rooms/{made['rooms'][0]['id']}"
    assert patch(api, path, {"name": "Green"})["name"] == "Green"
    assert "Blue" in patch(api, path, {"name": "Blue"}, 422)["detail"]
    assert [room["name"] for room in api.get(f"/v1/breakouts/{made['id']}")["rooms"]] == ["Green", "Blue"]
    patch(api, f"/v1/breakouts/{made['id']}/rooms/{UNKNOWN_ID}", {"name": "Red"}, 404)


def test_a_move_before_the_start_changes_the_assignment(api: Api) -> None:
    made = api.breakout(api.meeting("ana", "bo", hosts=("di",)))
    first, second = made["rooms"]
    mover = next(iter(who(first)))
    moved = move(api, made, mover, second["id"])
    assert who(moved["rooms"][1]) == {"ana", "bo"}
    assert moved["version"] == made["version"] + 1
    assert move(api, made, mover, second["id"]) == moved
    assert who(move(api, made, "di", first["id"])["rooms"][0]) == {"di"}
    home = move(api, made, mover, None)
    assert home["unassigned"] == [mover]
    assert who(move(api, made, mover, first["id"])["rooms"][0]) == {"di", mover}


def test_a_move_while_it_runs_is_202_however_often(api: Api) -> None:
    made = api.breakout(api.meeting("ana", "bo"), start="now", expect=202)
    for room_id in (made["rooms"][0]["id"], made["rooms"][1]["id"], None):
        moved = move(api, made, "ana", room_id, 202)
        assert move(api, made, "ana", room_id, 202)["version"] == moved["version"]


def test_a_move_that_can_not_be_is_refused(api: Api) -> None:
    rooms = [{"name": "Small", "participants": ["ana"], "max_participants": 1}, {"name": "Large"}]
    made = api.breakout(api.meeting("ana", "bo"), rooms=rooms)
    small, large = made["rooms"]
    assert "at most 1" in move(api, made, "bo", small["id"], 409)["detail"]
    move(api, made, "bo", UNKNOWN_ID, 422)
    move(api, made, "nobody", large["id"], 404)
    api.post(f"/v1/breakouts/{made['id']}/cancel", expect=202)
    assert move(api, made, "bo", large["id"], 409)["state"] == "cancelled"
    assert api.get(f"/v1/breakouts/{made['id']}")["rooms"] == made["rooms"]


def test_who_registers_after_the_plan_is_seated_at_the_start(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    made = api.breakout(meeting)
    people = [{"custom_participant_id": "late", "name": "Late"}]
    api.post(f"/v1/meetings/{meeting['id']}/participants", {"participants": people})
    assert api.get(f"/v1/breakouts/{made['id']}")["unassigned"] == ["late"]
    started = api.post(f"/v1/breakouts/{made['id']}/start", expect=202)
    assert started["unassigned"] == []
    assert sorted(len(room["participants"]) for room in started["rooms"]) == [1, 2]


def test_with_late_join_main_nobody_is_seated_afterwards(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    made = api.breakout(meeting, late_join="main", start="now", expect=202)
    people = [{"custom_participant_id": "late", "name": "Late"}]
    api.post(f"/v1/meetings/{meeting['id']}/participants", {"participants": people})
    assert api.get(f"/v1/breakouts/{made['id']}")["unassigned"] == ["late"]
