"""Breakouts as operators plan, start and end them. No worker runs here, so rooms are never made."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.server import JSON, Api

B = {
    "id",
    "meeting_id",
    "name",
    "state",
    "seed",
    "rooms",
    "unassigned",
    "series_id",
    "round",
    "plan",
    "assignment",
    "room_size",
    "recording",
    "late_join",
    "on_room_failure",
    "room_presets",
    "duration_seconds",
    "countdown_seconds",
    "warn_before_seconds",
    "record",
    "allow_switch",
    "allow_return",
    "scheduled_for",
    "starts_at",
    "opened_at",
    "closes_at",
    "empties_at",
    "paused",
    "remaining_seconds",
    "closed_at",
    "close_reason",
    "created_at",
    "version",
    "progress",
    "problems",
}
R = {
    "id",
    "index",
    "name",
    "state",
    "max_participants",
    "deleted",
    "realtimekit_meeting_id",
    "closes_at",
    "participants",
    "facilitators",
    "recording",
    "error",
}
ROOM_COUNTS = {"total", "ready", "open", "closed", "failed"}
PEOPLE_COUNTS = {"total", "admitted", "joined", "returned", "lost", "never_joined"}
RECORDING_COUNTS = {"total", "recording", "stopped", "uploaded", "failed", "skipped"}


def groups(breakout: JSON) -> list[list[str]]:
    return [[person["custom_participant_id"] for person in room["participants"]] for room in breakout["rooms"]]


def test_a_draft_has_all_that_the_contract_names(api: Api) -> None:
    made = api.breakout(api.meeting("ana", "bo", "cy", hosts=("di",)))
    assert set(made) >= B
    assert all(set(room) >= R for room in made["rooms"])
    assert {key: set(counts) for key, counts in made["progress"].items()} == {
        "rooms": ROOM_COUNTS,
        "participants": PEOPLE_COUNTS,
        "recordings": RECORDING_COUNTS,
    }
    assert sorted(map(len, groups(made))) == [1, 2]
    assert made["rooms"][0]["participants"][0].keys() == {"custom_participant_id", "name", "state", "pinned"}
    assert [room["name"] for room in made["rooms"]] == ["Room 1", "Room 2"]
    assert {room["state"] for room in made["rooms"]} == {"planned"}
    assert made["progress"]["participants"]["total"] == 3
    assert api.get(f"/v1/breakouts/{made['id']}") == made


def test_what_is_not_said_has_its_default(api: Api) -> None:
    made = api.breakout(api.meeting())
    expected: JSON = {
        "name": "Breakout 1",
        "state": "draft",
        "duration_seconds": None,
        "countdown_seconds": 60,
        "warn_before_seconds": [300, 60, 10],
        "record": False,
        "allow_switch": False,
        "allow_return": True,
        "paused": False,
        "remaining_seconds": None,
        "unassigned": [],
        "problems": [],
        "closes_at": None,
        "close_reason": None,
    }
    assert {key: made[key] for key in expected} == expected


def test_hosts_who_stay_out_are_not_unassigned(api: Api) -> None:
    meeting = api.meeting("ana", "bo", hosts=("di",))
    manual: JSON = {"assignment": {"mode": "manual"}, "rooms": [{"name": "A", "participants": ["bo"]}]}
    made = api.breakout(meeting, 201, **manual)
    assert (groups(made), made["unassigned"]) == ([["bo"]], ["ana"])
    with_hosts = api.breakout(meeting, 201, **manual | {"assignment": {"mode": "manual", "include_hosts": True}})
    assert sorted(with_hosts["unassigned"]) == ["ana", "di"]


def test_the_same_seed_gives_the_same_groups(api: Api) -> None:
    meeting = api.meeting(*"abcdefghij")
    first = api.breakout(meeting, rooms=3, assignment={"seed": 7})
    again = api.breakout(meeting, rooms=3, assignment={"seed": 7})
    assert (first["seed"], groups(first)) == (7, groups(again))
    drawn = api.breakout(meeting, rooms=3)
    assert groups(api.breakout(meeting, rooms=3, assignment={"seed": drawn["seed"]})) == groups(drawn)


def test_rooms_by_size_are_as_many_as_are_needed(api: Api) -> None:
    made = api.breakout(api.meeting(*"abcdefghij"), room_size=4)
    assert sorted(map(len, groups(made))) == [3, 3, 4]


def test_what_is_malformed_or_impossible_is_422_and_writes_nothing(api: Api) -> None:
    meeting = api.meeting("ana", "bo", "cy")
    path = f"/v1/meetings/{meeting['id']}/breakouts"
    wrong: list[Any] = [
        {},
        {"rooms": 2, "room_size": 2},
        {"rooms": 0},
        {"rooms": 501},
        {"rooms": "2"},
        {"rooms": True},
        {"rooms": 2.0},
        {"rooms": []},
        {"rooms": ["A", "A"]},
        {"rooms": [7]},
        {"rooms": [{"name": "A", "participants": ["nobody"]}]},
        {"rooms": [{"name": "A", "participants": ["ana"]}, {"name": "B", "participants": ["ana"]}]},
        {"rooms": [{"name": "A", "max_participants": 1}]},
        {"rooms": [{"name": "A", "participants": ["ana", "bo"], "max_participants": 1}]},
        {"room_size": 0},
        {"room_size": 1001},
        {"rooms": 2, "duration_seconds": 9},
        {"rooms": 2, "duration_seconds": 86401},
        {"rooms": 2, "countdown_seconds": 601},
        {"rooms": 2, "countdown_seconds": -1},
        {"rooms": 2, "assignment": {"mode": "by hand"}},
        {"rooms": 2, "assignment": {"include_hosts": "two_per_room"}},
        {"rooms": 2, "allow_switch": "sometimes"},
        {"rooms": 2, "room_presets": {"guest": "x"}},
        {"rooms": 2, "assignment": {"together": [["ana", "nobody"]]}},
        {"rooms": 2, "assignment": {"seed": 2**63}},
        {"rooms": 2, "recording": {"max_seconds": 59}},
        {"rooms": 2, "late_join": "anywhere"},
        {"rooms": 2, "on_room_failure": "panic"},
        {"rooms": 2, "start": "later"},
        {"rooms": 2, "start": 5},
        {"rooms": 2, "start": "2030-01-01T00:00:00"},
        {"rooms": 2, "start": "2020-01-01T00:00:00Z"},
        {"rooms": 2, "name": "\x00"},
        {"rooms": 2, "unheard_of": 1},
        [],
    ]
    for body in wrong:
        answer = api.post(path, body, 422)
        assert answer["errors"], body
    assert api.get(path)["items"] == []


def test_a_list_leaves_rooms_out(api: Api) -> None:
    meeting = api.meeting("ana")
    made = [api.breakout(meeting)["id"] for _ in range(3)]
    page = api.get(f"/v1/meetings/{meeting['id']}/breakouts", limit=2)
    assert [item["id"] for item in page["items"]] == made[:2]
    assert all(B - {"rooms", "unassigned"} <= set(item) for item in page["items"])
    assert not any({"rooms", "unassigned"} & set(item) for item in page["items"])
    rest = api.get(f"/v1/meetings/{meeting['id']}/breakouts", cursor=page["next_cursor"])
    assert ([item["id"] for item in rest["items"]], rest["next_cursor"]) == (made[2:], None)


def test_starting_now_is_202_and_a_second_one_409(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    draft = api.breakout(meeting)
    first = api.breakout(meeting, 202, start="now")
    assert first["state"] == "opening"
    for refused in (
        api.breakout(meeting, 409, start="now"),
        api.post(f"/v1/breakouts/{draft['id']}/start", expect=409),
    ):
        assert refused["state"] == "opening"
        assert isinstance(refused["allowed"], list)
    assert len(api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"]) == 2


def test_starting_and_closing_twice_changes_nothing(api: Api) -> None:
    path = f"/v1/breakouts/{api.breakout(api.meeting('ana'))['id']}"
    started = api.post(f"{path}/start", expect=202)
    assert (started["state"], api.post(f"{path}/start")["state"]) == ("opening", "opening")
    assert api.post(f"{path}/start")["version"] == started["version"]
    closing = api.post(f"{path}/close", {"countdown_seconds": 30}, 202)
    assert (closing["state"], closing["close_reason"]) == ("closing", "api")
    assert api.post(f"{path}/close")["version"] == closing["version"]
    assert api.post(f"{path}/start", expect=409)["state"] == "closing"
    api.post(f"{path}/cancel", expect=409)
    nonsense: list[Any] = [{"countdown_seconds": 601}, {"countdown_seconds": "5"}, {"when": 1}, []]
    for wrong in nonsense:
        api.post(f"{path}/close", wrong, 422)


def test_a_draft_is_cancelled_once_and_then_for_good(api: Api) -> None:
    path = f"/v1/breakouts/{api.breakout(api.meeting('ana'))['id']}"
    answer = api.post(f"{path}/close", expect=409)
    assert (answer["state"], answer["allowed"]) == ("draft", sorted(answer["allowed"]))
    assert api.post(f"{path}/cancel", expect=202)["state"] == "cancelled"
    assert api.post(f"{path}/cancel")["state"] == "cancelled"
    api.post(f"{path}/start", expect=409)
    api.post(f"{path}/close", expect=409)


def test_a_start_in_the_past_is_refused_by_its_field(api: Api) -> None:
    just_now = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    for past in ("2020-01-01T00:00:00Z", just_now):
        answer = api.breakout(api.meeting("ana"), 422, start=past)
        assert [error["loc"] for error in answer["errors"]] == [["body", "start"]]


def test_times_are_utc_with_z(api: Api) -> None:
    made = api.breakout(api.meeting(), start="2031-01-01T02:00:00+02:00")
    assert (made["state"], made["starts_at"]) == ("scheduled", "2031-01-01T00:00:00Z")
    assert made["scheduled_for"] == made["starts_at"]
    assert made["created_at"].endswith("Z")


@pytest.mark.parametrize("time", ["2031-01-01t00:00:00z", "2031-01-01T01:00:00+01:00", "2031-01-01T00:00:00.000Z"])
def test_a_time_may_be_written_in_every_way_of_rfc_3339(api: Api, time: str) -> None:
    made = api.breakout(api.meeting("ana"), start=time)
    assert (made["state"], made["starts_at"]) == ("scheduled", "2031-01-01T00:00:00Z")


def test_preparing_is_202_however_often_and_whoever_began_it(api: Api) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    for start in ("manual", "2031-01-01T00:00:00Z", soon):
        made = api.breakout(api.meeting("ana"), start=start)
        for _ in range(2):
            assert api.post(f"/v1/breakouts/{made['id']}/prepare", None, 202)["state"] == made["state"]
        api.post(f"/v1/breakouts/{made['id']}/cancel", None, 202)
        assert api.post(f"/v1/breakouts/{made['id']}/prepare", None, 409)["state"] == "cancelled"
