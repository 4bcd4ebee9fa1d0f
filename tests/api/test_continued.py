"""Plans that continue an earlier breakout: its rooms, its members, and few moves. No worker runs here."""

import pytest

from tests.api.server import JSON, Api
from tests.api.test_changed_plans import PEOPLE, change
from tests.api.test_changes import patch
from tests.api.test_deals import come
from tests.api.test_plans import groups

HOSTS = ("h0", "h1", "h2", "h3", "h4")


def copied(api: Api, meeting: JSON, earlier: JSON, **assignment: object) -> JSON:
    body = {"from_breakout": earlier["id"], "assignment": assignment}
    return api.post(f"/v1/meetings/{meeting['id']}/breakouts", body, 201)


def started(api: Api, made: JSON) -> JSON:
    return api.post(f"/v1/breakouts/{made['id']}/start", None, 202)


def test_from_an_earlier_breakout_people_keep_their_rooms_and_few_move(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE), rooms=["A", "B", "C", "D"], assignment={"seed": 3})
    a = next(iter(groups(made)[0]))
    new = api.meeting(*(name for name in PEOPLE if name != a), "late", "later")
    same = api.post(f"/v1/meetings/{new['id']}/breakouts", {"from_breakout": made["id"]}, 201)
    assert [room["name"] for room in same["rooms"]] == ["A", "B", "C", "D"]
    assert sorted(map(len, groups(same))) == [2, 2, 2, 3]
    assert all(before - {a} <= after for before, after in zip(groups(made), groups(same), strict=True))
    assert not any(one["pinned"] for room in same["rooms"] for one in room["participants"])
    unknown = api.post(f"/v1/meetings/{new['id']}/breakouts", {"from_breakout": new["id"]}, 422)
    assert unknown["errors"][0]["loc"] == ["body", "from_breakout"]


def test_a_draft_takes_over_an_earlier_breakout_too(api: Api) -> None:
    meeting = api.meeting(*PEOPLE)
    first = api.breakout(meeting, rooms=["A", "B"], assignment={"seed": 1})
    second = api.breakout(meeting, rooms=3, assignment={"seed": 2})
    assert groups(change(api, second, from_breakout=first["id"])) == groups(first)


def test_hosts_lead_one_room_each_and_stay_in_theirs(api: Api) -> None:
    meeting = api.meeting(*PEOPLE, hosts=HOSTS)
    led = api.breakout(meeting, rooms=3, assignment={"include_hosts": "one_per_room"})
    again = copied(api, meeting, led, include_hosts="one_per_room", seed=7)
    assert groups(again) == groups(led)
    assert (again["unassigned"], again["problems"]) == (led["unassigned"], [])
    others = api.breakout(meeting, rooms=3)
    assert not any(room["facilitators"] for room in others["rooms"])
    joined = copied(api, meeting, others, include_hosts="one_per_room")
    assert [len(room["facilitators"]) for room in joined["rooms"]] == [1, 1, 1]
    assert all(before <= after for before, after in zip(groups(others), groups(joined), strict=True))
    everybody = api.breakout(meeting, rooms=2, assignment={"include_hosts": True, "seed": 1})
    fewer = copied(api, meeting, everybody, include_hosts="one_per_room")
    assert [len(room["facilitators"]) for room in fewer["rooms"]] == [1, 1]
    leaders = [set(room["facilitators"]) for room in fewer["rooms"]]
    assert all(mine <= before for mine, before in zip(leaders, groups(everybody), strict=True))


@pytest.mark.parametrize("first", [0, 3, len(PEOPLE)], ids=["nobody", "some", "everybody"])
def test_who_comes_after_the_plan_was_made_has_the_earlier_room_at_the_start(api: Api, first: int) -> None:
    meeting = api.meeting(*PEOPLE)
    earlier = api.breakout(meeting, rooms=3, assignment={"seed": 5})
    come(api, meeting, PEOPLE[:first])
    made = copied(api, meeting, earlier, who="present", seed=8)
    come(api, meeting, PEOPLE)
    assert groups(started(api, made)) == groups(earlier)


def test_a_room_with_another_name_keeps_those_who_have_seats_there(api: Api) -> None:
    meeting = api.meeting(*PEOPLE)
    earlier = api.breakout(meeting, rooms=3, assignment={"seed": 5})
    made = copied(api, meeting, earlier, deal="at_start", seed=8)
    patch(api, f"/v1/breakouts/{made['id']}/rooms/{made['rooms'][2]['id']}", {"name": "Other"})
    assert groups(started(api, made)) == groups(earlier)


def test_members_who_are_registered_in_another_meeting_later_have_their_rooms_too(api: Api) -> None:
    earlier = api.breakout(api.meeting(*PEOPLE), rooms=3, assignment={"seed": 5})
    other = api.meeting()
    made = copied(api, other, earlier)
    people = [{"custom_participant_id": name, "name": name} for name in (*PEOPLE, "late")]
    api.post(f"/v1/meetings/{other['id']}/participants", {"participants": people})
    after = groups(started(api, made))
    assert all(before <= group for before, group in zip(groups(earlier), after, strict=True))


def test_who_has_a_seat_keeps_it_whatever_becomes_of_the_earlier_breakout(api: Api) -> None:
    meeting = api.meeting(*PEOPLE)
    earlier = api.breakout(meeting, rooms=["A", "B", "C"], assignment={"seed": 5})
    people = [{"custom_participant_id": f"n{number}", "name": "New"} for number in range(4)]
    api.post(f"/v1/meetings/{meeting['id']}/participants", {"participants": people})
    made = copied(api, meeting, earlier, deal="at_start", seed=8)
    api.post(f"/v1/breakouts/{earlier['id']}/shuffle", {"seed": 1}, 200)
    for room, name in zip(made["rooms"][1::-1], ("Beta", "B"), strict=True):
        patch(api, f"/v1/breakouts/{made['id']}/rooms/{room['id']}", {"name": name})
    assert groups(started(api, made)) == groups(made)


def test_without_the_earlier_breakout_a_plan_keeps_the_groups_that_it_has(api: Api) -> None:
    gone = api.meeting(*PEOPLE)
    earlier = api.breakout(gone, rooms=3, assignment={"seed": 5})
    meeting = api.meeting(*PEOPLE)
    made = copied(api, meeting, earlier, deal="at_start", seed=8)
    assert api.client.delete(f"/v1/meetings/{gone['id']}").status_code in (202, 204)
    assert groups(started(api, made)) == groups(earlier)
