"""Plans are changed: every setting, their rooms, who sits where, and when they start. No worker runs here."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.server import JSON, Api, checked
from tests.api.test_changes import move, patch
from tests.api.test_plans import SETTINGS, groups

PEOPLE = [f"p{number}" for number in range(8)]
LATER = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def change(api: Api, made: JSON, expect: int = 200, **body: object) -> JSON:
    return patch(api, f"/v1/breakouts/{made['id']}", body, expect)


def where(breakout: JSON, name: str) -> str | None:
    found = [
        str(room["name"])
        for room in breakout["rooms"]
        if name in {one["custom_participant_id"] for one in room["participants"]}
    ]
    return found[0] if found else None


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_each_setting_of_a_draft_can_be_changed_by_itself(api: Api, name: str) -> None:
    made = api.breakout(api.meeting("ana", "bo"), assignment={"seed": 1})
    changed = change(api, made, **{name: SETTINGS[name]})
    more: JSON = {"together": [], "apart": [], "balance_by": []} if name == "assignment" else {}
    assert changed[name] == (SETTINGS[name] | more if more else SETTINGS[name])
    assert changed["version"] == made["version"] + 1
    untouched = set(made) - {name, "version", "rooms", "unassigned", "plan", "seed", "progress"}
    assert {key: changed[key] for key in untouched} == {key: made[key] for key in untouched}
    assert change(api, made, **{name: SETTINGS[name]})["version"] == changed["version"], "nothing more has changed"


def test_objects_are_merged_and_lists_replaced(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE), **SETTINGS | {"room_presets": {"host": "group_call_host"}})
    changed = change(
        api, made, recording={"max_seconds": 60}, warn_before_seconds=[5, 6], assignment={"seed": 9}, room_presets={}
    )
    assert changed["recording"] == {"max_seconds": 60, "file_name_prefix": "round-1"}
    assert changed["warn_before_seconds"] == [5, 6]
    assert changed["assignment"] == made["assignment"] | {"seed": 9}
    assert changed["room_presets"] == made["room_presets"]


def test_rooms_keep_their_ids_by_name_and_pins_stay(api: Api) -> None:
    meeting = api.meeting(*PEOPLE)
    made = api.breakout(meeting, rooms=["A", "B", "C"])
    ids = {room["name"]: room["id"] for room in made["rooms"]}
    move(api, made, "p0", ids["B"])
    move(api, made, "p1", None)
    changed = change(api, made, rooms=["D", "B", "A", {"name": "E", "participants": ["p2"], "max_participants": 1}])
    assert [room["name"] for room in changed["rooms"]] == ["D", "B", "A", "E"]
    assert [room["index"] for room in changed["rooms"]] == [0, 1, 2, 3]
    assert {room["name"]: room["id"] for room in changed["rooms"][1:3]} == {"A": ids["A"], "B": ids["B"]}
    assert (where(changed, "p0"), where(changed, "p1"), where(changed, "p2")) == ("B", None, "E")
    assert (changed["unassigned"], sorted(map(len, groups(changed)))) == (["p1"], [1, 2, 2, 2])
    assert changed["rooms"][3]["max_participants"] == 1


def test_who_is_listed_elsewhere_moves_and_a_room_whose_list_is_given_lets_the_others_go(api: Api) -> None:
    rooms = [{"name": "A", "participants": ["p0", "p1"]}, {"name": "B", "participants": ["p2"]}]
    made = api.breakout(api.meeting(*PEOPLE[:4]), rooms=rooms, assignment={"mode": "manual"})
    changed = change(api, made, rooms=[{"name": "A", "participants": ["p2"]}, "B"])
    assert (groups(changed), changed["unassigned"]) == ([{"p2"}, set()], ["p0", "p1", "p3"])


@pytest.mark.parametrize("left_for", ["B", None], ids=["another room", "main"])
@pytest.mark.parametrize("mode", ["even", "manual"])
def test_who_has_left_a_room_of_a_draft_can_be_listed_there_again(api: Api, mode: str, left_for: str | None) -> None:
    rooms: list[JSON] = [{"name": "A", "participants": ["p0"]}, {"name": "B"}]
    made = api.breakout(api.meeting("p0", "p1"), rooms=rooms, assignment={"mode": mode, "seed": 1})
    ids = {room["name"]: room["id"] for room in made["rooms"]}
    for name in ("p0", "p1"):
        move(api, made, name, ids["A"])
        move(api, made, name, ids[left_for] if left_for else None)
    rooms[0]["participants"] = ["p0", "p1"]
    assert {where(change(api, made, rooms=rooms), name) for name in ("p0", "p1")} == {"A"}


def test_rooms_by_number_by_size_and_by_name_replace_each_other(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE), rooms=["Red", "Blue"])
    by_size = change(api, made, room_size=2)
    assert (by_size["room_size"], [len(group) for group in groups(by_size)]) == (2, [2, 2, 2, 2])
    assert by_size["assignment"]["deal"] == "at_start"
    by_number = change(api, made, rooms=3)
    assert (by_number["room_size"], [room["name"] for room in by_number["rooms"]]) == (
        None,
        ["Room 1", "Room 2", "Room 3"],
    )
    assert by_number["assignment"]["deal"] == "now"
    assert change(api, made, assignment={"mode": "self_select"})["unassigned"] == PEOPLE


def test_limits_too_small_for_the_people_are_refused_and_nothing_changes(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE))
    before = api.get(f"/v1/breakouts/{made['id']}")
    small = [{"name": name, "max_participants": 3} for name in "AB"]
    assert "places" in change(api, made, 422, rooms=small)["detail"]
    assert api.get(f"/v1/breakouts/{made['id']}") == before


def test_a_start_is_set_moved_and_taken_away(api: Api) -> None:
    made = api.breakout(api.meeting("ana"))
    assert (made["state"], made["scheduled_for"]) == ("draft", None)
    scheduled = change(api, made, start=LATER, duration_seconds=60)
    assert (scheduled["state"], scheduled["scheduled_for"], scheduled["starts_at"]) == ("scheduled", LATER, LATER)
    assert change(api, made, start=LATER)["version"] == scheduled["version"]
    draft = change(api, made, start="manual")
    assert (draft["state"], draft["scheduled_for"], draft["starts_at"]) == ("draft", None, None)
    started = change(api, made, 202, start="now", name="Go", rooms=["A"])
    assert (started["state"], started["name"], started["duration_seconds"]) == ("opening", "Go", 60)
    assert change(api, made, start="now") == started, "the same again, as a start is"
    other = api.breakout(api.meeting("ana"), start=LATER)
    assert change(api, other, 202, start="now")["scheduled_for"] is None


def test_after_the_start_other_settings_are_refused_and_the_name_is_not(api: Api) -> None:
    made = api.breakout(api.meeting("ana"), 202, start="now")
    for body in ({"record": True}, {"rooms": 3}, {"start": "manual"}, {"start": "now", "record": True}):
        refused = change(api, made, 409, **body)
        assert (refused["state"], refused["allowed"]) == ("opening", ["draft", "scheduled"])
    assert change(api, made, name="New")["name"] == "New"
    assert api.post(f"/v1/breakouts/{made['id']}/shuffle", {}, 409)["state"] == "opening"


def test_a_shuffle_deals_anew_by_its_seed_and_keeps_pins_unless_told_otherwise(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE), rooms=["A", "B"], assignment={"seed": 1})
    other = made["rooms"][1]["id"]
    move(api, made, "p0", other)
    move(api, made, "p1", None)
    path = f"/v1/breakouts/{made['id']}/shuffle"
    shuffled = api.post(path, {"seed": 2})
    assert (shuffled["seed"], where(shuffled, "p0"), where(shuffled, "p1")) == (2, "B", None)
    assert sorted(map(len, groups(shuffled))) == [3, 4]
    assert groups(api.post(path, {"seed": 2})) == groups(shuffled)
    free = api.post(path, {"seed": 2, "keep_pinned": False})
    assert free["unassigned"] == []
    assert not any(one["pinned"] for room in free["rooms"] for one in room["participants"])
    assert groups(free) == groups(api.breakout({"id": made["meeting_id"]}, rooms=["A", "B"], assignment={"seed": 2}))
    assert len({api.post(path)["seed"] for _ in range(3)}) == 3


def test_rooms_are_added_limited_renamed_and_deleted_in_a_draft(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE[:4]), rooms=["A", "B"])
    path = f"/v1/breakouts/{made['id']}/rooms"
    added = api.post(path, {"name": "C", "max_participants": 2}, 201)
    assert (added["name"], added["index"], added["max_participants"], added["participants"]) == ("C", 2, 2, [])
    api.post(path, {"name": "C"}, 422)
    assert patch(api, f"{path}/{added['id']}", {"max_participants": None})["max_participants"] is None
    first = made["rooms"][0]
    patch(api, f"{path}/{first['id']}", {"max_participants": 1}, 422)
    assert api.client.delete(f"{path}/{first['id']}").status_code == 204
    left = api.get(f"/v1/breakouts/{made['id']}")
    assert [room["name"] for room in left["rooms"]] == ["B", "C"]
    assert set(left["unassigned"]) == {one["custom_participant_id"] for one in first["participants"]}
    checked(api.client.delete(f"{path}/{first['id']}"), 404)
    assert left["version"] == made["version"] + 3


def test_drafts_may_be_many_and_a_second_cancel_changes_nothing(api: Api) -> None:
    meeting = api.meeting("ana")
    made = [api.breakout(meeting) for _ in range(3)]
    cancelled = api.post(f"/v1/breakouts/{made[0]['id']}/cancel", expect=202)
    assert api.post(f"/v1/breakouts/{made[0]['id']}/cancel", {}, 200) == cancelled
    assert [one["state"] for one in api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"]] == [
        "cancelled",
        "draft",
        "draft",
    ]
