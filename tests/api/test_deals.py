"""When a plan's people are dealt, and among whom: at once, when it is prepared, or at its start."""

from datetime import datetime
from itertools import chain

import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout import operations
from schemas.tables import Breakout
from tests.api.server import JSON, Api, checked
from tests.support.queries import count_queries

NAMES = [f"p{number}" for number in range(30)]


def test_rooms_by_size_are_counted_at_the_start_when_people_register_after_planning(api: Api) -> None:
    meeting = api.meeting()
    draft = api.breakout(meeting, room_size=4)
    assert (draft["assignment"]["deal"], draft["room_size"], _sizes(draft)) == ("at_start", 4, [0])
    _register(api, meeting, NAMES)
    started = _start(api, draft)
    assert sorted(_sizes(started)) == [3, 3, *[4] * 6]
    assert [room["name"] for room in started["rooms"]] == [f"Room {number}" for number in range(1, 9)]
    assert (started["unassigned"], started["problems"]) == ([], [])


@pytest.mark.parametrize("mode", ["even", "manual", "self_select"])
def test_when_a_plan_is_dealt_depends_on_its_rooms_and_people_in_every_mode(api: Api, mode: str) -> None:
    nobody, somebody = api.meeting(), api.meeting("ana", "bo")
    kinds: list[tuple[JSON, JSON, JSON, str]] = [
        (nobody, {"rooms": 2}, {}, "at_start"),
        (somebody, {"rooms": 2}, {}, "now"),
        (somebody, {"room_size": 2}, {}, "at_start"),
        (somebody, {"rooms": 2}, {"who": "present"}, "at_start"),
        (somebody, {"room_size": 2}, {"deal": "now"}, "now"),
    ]
    for meeting, rooms, assignment, deal in kinds:
        draft = api.breakout(meeting, **rooms, assignment={"mode": mode, **assignment})
        assert draft["assignment"]["deal"] == deal, (rooms, assignment)


def test_people_who_choose_find_as_many_rooms_as_they_need(api: Api) -> None:
    meeting = api.meeting()
    draft = api.breakout(meeting, room_size=2, assignment={"mode": "self_select"})
    _register(api, meeting, NAMES[:8])
    assert _sizes(_start(api, draft)) == [0] * 4


@pytest.mark.parametrize("mode", ["even", "manual", "self_select"])
def test_a_limit_below_those_who_are_pinned_is_422_in_every_mode(api: Api, mode: str) -> None:
    rooms = [{"name": "A", "participants": ["ana", "bo"]}, {"name": "B"}]
    draft = api.breakout(api.meeting("ana", "bo"), rooms=rooms, assignment={"mode": mode})
    path = f"/v1/breakouts/{draft['id']}"
    lower = {"rooms": [{"name": "A", "max_participants": 1}, {"name": "B"}]}
    assert checked(api.client.patch(path, json=lower), 422)["code"] == "impossible_plan"
    assert api.get(path) == draft


def test_rooms_that_nobody_needs_any_more_are_gone_at_the_start(api: Api) -> None:
    meeting = api.meeting(*NAMES)
    draft = api.breakout(meeting, room_size=3, assignment={"who": "present"})
    come(api, meeting, NAMES[:7])
    assert sorted(_sizes(_start(api, draft))) == [2, 2, 3]


@pytest.mark.parametrize("deal", ["now", "at_start"])
def test_the_seed_decides_where_everybody_sits_in_whatever_order_they_registered(api: Api, deal: str) -> None:
    seen = []
    for late in (NAMES[10:], NAMES[:9:-1]):
        meeting = api.meeting(*NAMES[:10])
        draft = api.breakout(meeting, rooms=4, assignment={"seed": 7, "deal": deal})
        for name in late:
            _register(api, meeting, [name])
        seen.append(_groups(_start(api, draft)))
    assert seen[0] == seen[1]
    assert sorted(map(len, seen[0])) == [7, 7, 8, 8]


def test_another_seed_places_latecomers_of_a_plan_elsewhere(api: Api) -> None:
    seen = set()
    for seed in range(8):
        meeting = api.meeting("ana", "bo")
        draft = api.breakout(meeting, rooms=["A", "B"], assignment={"seed": seed, "deal": "now"})
        _register(api, meeting, ["cy", "di"])
        seen.add(str(_with(_start(api, draft), "cy")))
    assert seen == {"A", "B"}


def test_what_was_dealt_when_it_was_planned_stays_and_latecomers_even_it_out(api: Api) -> None:
    meeting = api.meeting(*NAMES[:9])
    draft = api.breakout(meeting, rooms=3, assignment={"seed": 1})
    assert draft["assignment"]["deal"] == "now"
    _register(api, meeting, NAMES[9:])
    started = _start(api, draft)
    assert all(set(old) <= set(new) for old, new in zip(_groups(draft), _groups(started), strict=True))
    assert _sizes(started) == [10, 10, 10]


def test_late_join_main_keeps_latecomers_of_a_plan_in_main_unless_it_is_dealt_at_the_start(api: Api) -> None:
    for deal, left in (("now", ["cy"]), ("at_start", [])):
        meeting = api.meeting("ana", "bo")
        draft = api.breakout(meeting, rooms=2, late_join="main", assignment={"deal": deal})
        _register(api, meeting, ["cy"])
        assert _start(api, draft)["unassigned"] == left


def test_who_is_present_counts_when_the_deal_is_made(api: Api) -> None:
    meeting = api.meeting("ana", "bo", "cy", "di")
    come(api, meeting, ["ana", "bo"])
    draft = api.breakout(meeting, rooms=2, assignment={"who": "present"})
    assert draft["assignment"]["deal"] == "at_start"
    assert _seated(draft) == ["ana", "bo"]
    come(api, meeting, ["cy"])
    _leave(api, meeting, ["ana"])
    assert _seated(_start(api, draft)) == ["bo", "cy"]


def test_people_who_were_moved_by_hand_stay_there_to_main_too(api: Api) -> None:
    meeting = api.meeting(*NAMES[:12])
    draft = api.breakout(meeting, rooms=["A", "B", "C"], assignment={"deal": "at_start"})
    rooms = {room["name"]: room["id"] for room in draft["rooms"]}
    for name in NAMES[:3]:
        _move(api, draft, name, rooms["B"])
    _move(api, draft, NAMES[3], None)
    _move(api, draft, NAMES[4], None)
    _move(api, draft, NAMES[4], rooms["C"])
    _register(api, meeting, NAMES[12:14])
    started = _start(api, draft)
    assert [_with(started, name) for name in NAMES[:5]] == ["B", "B", "B", None, "C"]
    assert (started["unassigned"], sorted(_sizes(started))) == ([NAMES[3]], [4, 4, 5])
    pinned = {
        one["custom_participant_id"] for room in started["rooms"] for one in room["participants"] if one["pinned"]
    }
    assert pinned == {*NAMES[:3], NAMES[4]}


def test_preparing_deals_and_from_then_on_people_keep_their_rooms(api: Api) -> None:
    meeting = api.meeting()
    draft = api.breakout(meeting, room_size=4)
    _register(api, meeting, NAMES[:6])
    prepared = _prepare(api, draft)
    assert _sizes(prepared) == [3, 3]
    _register(api, meeting, NAMES[6:])
    started = _start(api, draft)
    assert all(set(old) <= set(new) for old, new in zip(_groups(prepared), _groups(started), strict=False))
    assert (max(_sizes(started)), sum(_sizes(started)), len(started["rooms"])) == (4, 30, 8)


def test_who_has_left_since_the_preparation_gives_up_their_seat_until_they_come_again(api: Api) -> None:
    meeting = api.meeting("ana", "bo", "cy")
    come(api, meeting, ["ana", "bo"])
    draft = api.breakout(
        meeting, rooms=[{"name": "A", "participants": ["cy"]}, {"name": "B"}], assignment={"who": "present"}
    )
    assert sorted(_sizes(_prepare(api, draft))) == [1, 2]
    _leave(api, meeting, ["ana"])
    started = _start(api, draft)
    assert _seated(started) == ["bo", "cy"]
    come(api, meeting, ["ana"])
    again = api.get(f"/v1/breakouts/{draft['id']}")
    assert _seated(again) == ["ana", "bo", "cy"]


def test_who_finds_no_place_at_the_start_stays_in_main_and_is_reported_once(api: Api) -> None:
    rooms = [{"name": "A", "max_participants": 1}, {"name": "B", "max_participants": 1}]
    for deal in ("now", "at_start"):
        meeting = api.meeting("ana")
        draft = api.breakout(meeting, rooms=rooms, assignment={"deal": deal})
        late = [f"{deal}-{number}" for number in range(3)]
        _register(api, meeting, late)
        started = _start(api, draft)
        for _ in range(2):
            come(api, meeting, late)
        seen = api.get(f"/v1/breakouts/{draft['id']}")
        assert _sizes(seen) == [1, 1]
        reported = [problem["custom_participant_id"] for problem in seen["problems"]]
        assert reported == sorted(started["unassigned"])
        assert {problem["what"] for problem in seen["problems"]} == {"no place"}


def test_a_plan_for_a_time_is_prepared_earlier_when_more_people_register(api: Api) -> None:
    meeting = api.meeting()
    planned = api.breakout(meeting, room_size=4, start="2031-01-01T00:00:00Z")
    few = _prepared_from(api, planned)
    _register(api, meeting, [f"p{number}" for number in range(1000)])
    _work(api, planned)
    assert (few - _prepared_from(api, planned)).total_seconds() == 2 * 1250 * 300 / 1200 - 300


def test_a_start_takes_as_many_statements_for_many_people_as_for_few(api: Api) -> None:
    counts = set()
    for people in (3, 30):
        meeting = api.meeting()
        draft = api.breakout(meeting, room_size=1)
        _register(api, meeting, NAMES[:people])
        counts.add(count_queries(api.deps.database, lambda draft=draft: _start(api, draft)))  # type: ignore[misc]
    assert len(counts) == 1, counts


def _register(api: Api, meeting: JSON, names: list[str]) -> None:
    people = [{"custom_participant_id": name, "name": name} for name in names]
    api.post(f"/v1/meetings/{meeting['id']}/participants", {"participants": people})


def come(api: Api, meeting: JSON, names: list[str], *, present: bool = True) -> None:
    for name in names:
        api.client.put(f"/v1/meetings/{meeting['id']}/participants/{name}/present", json={"present": present})


def _leave(api: Api, meeting: JSON, names: list[str]) -> None:
    come(api, meeting, names, present=False)


def _move(api: Api, breakout: JSON, name: str, room_id: str | None) -> None:
    path = f"/v1/breakouts/{breakout['id']}/participants/{name}/room"
    assert api.client.put(path, json={"room_id": room_id}).is_success


def _start(api: Api, breakout: JSON) -> JSON:
    return api.post(f"/v1/breakouts/{breakout['id']}/start", None, 202)


def _prepare(api: Api, breakout: JSON) -> JSON:
    """Prepare it, and do the work of its task."""
    api.post(f"/v1/breakouts/{breakout['id']}/prepare", None, 202)
    _work(api, breakout)
    return api.get(f"/v1/breakouts/{breakout['id']}")


def _work(api: Api, breakout: JSON) -> None:
    with api.deps.database.reading() as session:
        claim = session.scalars(select(col(Breakout.claim)).where(col(Breakout.id) == breakout["id"])).one()
    operations.step(api.deps, breakout["id"], claim)


def _prepared_from(api: Api, breakout: JSON) -> datetime:
    with api.deps.database.reading() as session:
        found = session.get_one(Breakout, breakout["id"]).prepare_from
    assert found is not None
    return found


def _sizes(breakout: JSON) -> list[int]:
    return [len(room["participants"]) for room in breakout["rooms"]]


def _groups(breakout: JSON) -> list[list[str]]:
    return [sorted(one["custom_participant_id"] for one in room["participants"]) for room in breakout["rooms"]]


def _seated(breakout: JSON) -> list[str]:
    return sorted(chain(*_groups(breakout)))


def _with(breakout: JSON, name: str) -> str | None:
    """Return the name of the room that somebody is in."""
    for room in breakout["rooms"]:
        if any(one["custom_participant_id"] == name for one in room["participants"]):
            return str(room["name"])
    return None
