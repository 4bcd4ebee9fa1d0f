"""Plans: every setting is kept as it was given, hosts are dealt one to a room, rooms have presets of their own."""

import sys

import pytest

from tests.api.server import JSON, Api

PEOPLE = [f"p{number}" for number in range(9)]
SETTINGS: JSON = {
    "name": "Round 1",
    "assignment": {"mode": "even", "seed": 7, "who": "registered", "include_hosts": True, "deal": "at_start"},
    "duration_seconds": 900,
    "countdown_seconds": 30,
    "warn_before_seconds": [60],
    "record": True,
    "recording": {"max_seconds": 7200, "file_name_prefix": "round-1"},
    "allow_switch": "preset",
    "allow_return": False,
    "late_join": "main",
    "on_room_failure": "keep",
    "room_presets": {"host": "group_call_host", "participant": "webinar_viewer"},
}


def groups(breakout: JSON) -> list[set[str]]:
    return [{one["custom_participant_id"] for one in room["participants"]} for room in breakout["rooms"]]


def test_every_setting_is_kept_and_shown_as_it_was_given(api: Api) -> None:
    made = api.breakout(api.meeting("ana"), room_size=3, **SETTINGS)
    rules: JSON = {"together": [], "apart": [], "balance_by": []}
    assert {name: made[name] for name in SETTINGS} == SETTINGS | {"assignment": SETTINGS["assignment"] | rules}
    assert (made["room_size"], made["series_id"], made["round"]) == (3, None, None)
    assert made["plan"] == {"state": "ready", "spread": 0, "unbalanced": {}, "optimal": None}
    listed = api.get(f"/v1/meetings/{made['meeting_id']}/breakouts")["items"]
    assert listed == [{name: value for name, value in made.items() if name not in ("rooms", "unassigned")}]


@pytest.mark.parametrize("rule", [{"together": [["ana", "bo"]]}, {"apart": [["ana", "bo"]]}, {"balance_by": ["team"]}])
def test_rules_without_the_solver_are_refused_and_name_what_is_missing(
    api: Api, rule: JSON, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = api.meeting("ana", "bo")
    monkeypatch.setitem(sys.modules, "ortools", None)  # as where the extra is not installed
    answer = api.breakout(meeting, 422, assignment=rule)
    assert (answer["code"], "[constraints]" in answer["detail"]) == ("needs_constraints", True)
    assert answer["errors"][0]["loc"] == ["body", "assignment", *rule]


def test_hosts_are_dealt_one_to_a_room_as_facilitators_and_further_ones_stay_in_main(api: Api) -> None:
    hosts = ("h1", "h2", "h3", "h4")
    meeting = api.meeting(*PEOPLE, hosts=hosts)
    made = api.breakout(meeting, rooms=3, assignment={"include_hosts": "one_per_room"})
    assert [len(group) for group in groups(made)] == [4, 4, 4]
    assert [len(group & set(hosts)) for group in groups(made)] == [1, 1, 1]
    assert all(set(room["facilitators"]) <= set(hosts) and len(room["facilitators"]) == 1 for room in made["rooms"])
    assert (made["unassigned"], made["plan"]["spread"], made["problems"]) == ([], 0, [])


def test_a_host_who_is_pinned_is_the_facilitator_of_that_room(api: Api) -> None:
    meeting = api.meeting(*PEOPLE, hosts=("h1", "h2"))
    rooms = [{"name": "A", "participants": ["h1"]}, {"name": "B"}, {"name": "C"}]
    made = api.breakout(meeting, rooms=rooms, assignment={"include_hosts": "one_per_room"})
    assert made["rooms"][0]["facilitators"] == ["h1"]
    assert sorted(room["facilitators"] for room in made["rooms"][1:]) == [[], ["h2"]]


def test_a_host_who_comes_late_leads_a_room_that_has_none(api: Api) -> None:
    meeting = api.meeting("ana", "bo", hosts=("h1",))
    made = api.breakout(meeting, rooms=2, assignment={"include_hosts": "one_per_room", "deal": "now"})
    people = [{"custom_participant_id": name, "name": name, "role": "host"} for name in ("h2", "h3")]
    api.post(f"/v1/meetings/{meeting['id']}/participants", {"participants": people})
    assert len(api.get(f"/v1/breakouts/{made['id']}")["unassigned"]) == 2
    started = api.post(f"/v1/breakouts/{made['id']}/start", expect=202)
    assert sorted(len(room["facilitators"]) for room in started["rooms"]) == [1, 1]
    assert (started["unassigned"], started["problems"]) == ([], [])


def test_facilitators_count_where_rooms_have_a_size(api: Api) -> None:
    meeting = api.meeting(*PEOPLE, hosts=("h1", "h2", "h3", "h4"))
    made = api.breakout(meeting, room_size=4, assignment={"include_hosts": "one_per_room"})
    assert [len(group) for group in groups(made)] == [4, 4, 4]


def test_in_self_select_nobody_is_moved_but_who_is_listed(api: Api) -> None:
    rooms = [{"name": "A", "participants": ["ana"]}, {"name": "B"}]
    made = api.breakout(api.meeting("ana", "bo", "cy"), rooms=rooms, assignment={"mode": "self_select"})
    started = api.post(f"/v1/breakouts/{made['id']}/start", expect=202)
    assert (groups(started), started["unassigned"]) == ([{"ana"}, set()], ["bo", "cy"])


def test_rooms_by_size_are_counted_in_self_select_too(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE), room_size=4, assignment={"mode": "self_select"})
    assert (groups(made), len(made["unassigned"])) == ([set()] * 3, 9)


def test_presets_of_a_meetings_rooms_are_kept_and_must_be_there(api: Api) -> None:
    presets = {"host": None, "participant": "webinar_viewer"}
    assert api.meeting(room_presets=presets)["room_presets"] == presets
    wish = {"title": "Physics", "room_presets": {"host": "nobody_has_it"}}
    assert "nobody_has_it" in api.post("/v1/meetings", wish, 422)["detail"]


def test_a_dry_run_answers_with_the_plan_and_writes_nothing(api: Api) -> None:
    meeting = api.meeting(*PEOPLE)
    path = f"/v1/meetings/{meeting['id']}/breakouts"
    found = api.post(f"{path}?dry_run=true", {"rooms": 3, "record": True, "start": "now"})
    assert found.keys() == {"breakout", "calls", "predicted_seconds", "conflicts"}
    assert found["calls"] == {"create": 3, "add": 9, "record": 3, "total": 15}
    assert (found["conflicts"], len(found["breakout"]["rooms"])) == ([], 3)
    assert found["predicted_seconds"] > 0
    assert api.get(path)["items"] == []
    assert api.post(f"{path}?dry_run=true", {"rooms": 0}, 422)["errors"]
