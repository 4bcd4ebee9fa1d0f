"""Rounds through the API: made together, in one series, by the rules of the contract."""

import pytest

from tests.api.server import JSON, UNKNOWN_ID, Api, checked

PEOPLE = [f"p{number:02}" for number in range(32)]


def rounds_path(meeting: JSON) -> str:
    return f"/v1/meetings/{meeting['id']}/rounds"


def test_rounds_are_made_in_one_series_and_nobody_meets_twice(api: Api) -> None:
    meeting = api.meeting(*PEOPLE)
    body = {"rounds": 5, "rooms": 8, "gap_seconds": 30, "name": "Coffee", "duration_seconds": 300, "record": True}
    made = api.post(rounds_path(meeting), body, 201)
    assert set(made) == {"series_id", "repeated_pairs", "breakouts"}
    assert made["repeated_pairs"] == 0
    assert [(it["name"], it["round"], it["state"], it["record"]) for it in made["breakouts"]] == [
        (f"Coffee {number}", number, "draft", True) for number in range(1, 6)
    ]
    assert {it["series_id"] for it in made["breakouts"]} == {made["series_id"]}
    listed = api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"]
    assert [it["id"] for it in listed] == [it["id"] for it in made["breakouts"]]


def test_the_first_round_may_start_now_or_at_a_time(api: Api) -> None:
    now = api.post(rounds_path(api.meeting("ana", "bo")), {"rounds": 2, "room_size": 2, "start": "now"}, 202)
    assert [it["state"] for it in now["breakouts"]] == ["opening", "draft"]
    later = {"rounds": 2, "rooms": ["Red"], "start": "2199-01-01T10:00:00Z"}
    scheduled = api.post(rounds_path(api.meeting("ana", "bo")), later, 201)
    assert [it["state"] for it in scheduled["breakouts"]] == ["scheduled", "draft"]
    cancelled = api.post(f"/v1/breakouts/{now['breakouts'][0]['id']}/cancel", {"rest_of_series": True}, 202)
    assert cancelled["state"] == "opening"
    assert api.get(f"/v1/breakouts/{now['breakouts'][1]['id']}")["state"] == "cancelled"
    alone = api.breakout(api.meeting("ana"))
    assert api.post(f"/v1/breakouts/{alone['id']}/cancel", {"rest_of_series": True}, 202)["state"] == "cancelled"


def test_a_round_of_a_series_with_a_long_name_is_changed_like_any_other(api: Api) -> None:
    body = {"rounds": 10, "rooms": 2, "name": "x" * 200}
    made = api.post(rounds_path(api.meeting("ana", "bo")), body, 201)["breakouts"]
    assert [it["name"] for it in made][-2:] == ["x" * 198 + " 9", "x" * 197 + " 10"]
    changed = checked(api.client.patch(f"/v1/breakouts/{made[-1]['id']}", json={"record": True}), 200)
    assert (changed["record"], changed["name"]) == (True, made[-1]["name"])


@pytest.mark.parametrize(
    "body",
    [
        {"rooms": 2},
        {"rounds": 0, "rooms": 2},
        {"rounds": 101, "rooms": 2},
        {"rounds": 2},
        {"rounds": 2, "rooms": 2, "room_size": 2},
        {"rounds": 2, "from_breakout": UNKNOWN_ID},
        {"rounds": 2, "rooms": 2, "gap_seconds": -1},
        {"rounds": 2, "rooms": 2, "assignment": {"balance_by": ["team"]}},
        {"rounds": 2, "rooms": 2, "assignment": {"together": [["ana", "nobody"]]}},
        {"rounds": 2, "rooms": 2, "assignment": {"together": [["ana", "bo"]], "apart": [["ana", "bo"]]}},
    ],
    ids=str,
)
def test_what_can_not_be_is_422_and_nothing_is_made(api: Api, body: JSON) -> None:
    meeting = api.meeting("ana", "bo")
    assert api.post(rounds_path(meeting), body, 422)["errors"]
    assert api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"] == []
