"""Plans with rules, as the API answers about them. No worker runs here, so that nobody deals their groups."""

import pytest

from tests.api.server import JSON, Api
from tests.api.test_changes import patch

PEOPLE = ("ana", "bo", "cy", "di")
RULES: JSON = {"seed": 7, "together": [["ana", "bo"]], "apart": [["cy", "di"]], "balance_by": ["team"]}


def test_a_plan_with_rules_is_solving_and_its_people_are_unassigned(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE), assignment=RULES)
    assert made["plan"] == {"state": "solving", "spread": 0, "unbalanced": {"team": 0}, "optimal": None}
    assert (made["state"], sorted(made["unassigned"])) == ("draft", sorted(PEOPLE))
    assert {name: made["assignment"][name] for name in RULES} == RULES


def test_a_start_of_it_is_202_at_once_and_again(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE), 202, assignment=RULES, start="now")
    assert (made["state"], made["plan"]["state"], made["scheduled_for"]) == ("scheduled", "solving", None)
    assert made["starts_at"] is not None
    draft = api.breakout(api.meeting(*PEOPLE), assignment=RULES)
    started = api.post(f"/v1/breakouts/{draft['id']}/start", expect=202)
    assert api.post(f"/v1/breakouts/{draft['id']}/start", expect=202) == started
    assert patch(api, f"/v1/breakouts/{draft['id']}", {"start": "manual"})["state"] == "draft"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"assignment": {"together": [["ana", "bo"]], "apart": [["bo", "ana"]]}}, "ana and bo must be together and"),
        ({"assignment": {"apart": [["ana", "bo", "cy"]]}}, "ana, bo and cy must be apart, but there are only 2 rooms"),
        (
            {
                "assignment": {"mode": "manual", "apart": [["ana", "bo"]]},
                "rooms": [{"name": "Red", "participants": ["ana", "bo"]}],
            },
            "ana",
        ),
    ],
)
def test_what_is_plainly_impossible_is_422_and_names_the_people(api: Api, fields: JSON, words: str) -> None:
    meeting = api.meeting(*PEOPLE)
    answer = api.breakout(meeting, 422, **fields)
    assert (answer["code"], answer["errors"][0]["loc"]) == ("impossible_plan", ["body", "assignment"])
    assert words in answer["detail"]
    tried = api.post(f"/v1/meetings/{meeting['id']}/breakouts?dry_run=true", {"rooms": 2, **fields}, 422)
    assert tried["detail"] == answer["detail"]
    assert api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"] == []


def test_no_more_pairs_are_kept_apart_than_can_be_looked_at(api: Api) -> None:
    groups = [[f"p{group}-{number}" for number in range(500)] for group in range(3)]
    meeting = api.meeting(*PEOPLE)
    answer = api.breakout(meeting, 422, assignment={"apart": groups})
    assert (answer["code"], answer["errors"][0]["loc"]) == ("malformed", ["body", "assignment", "apart"])
    few = api.breakout(meeting, 422, assignment={"apart": groups[:2]})
    assert few["code"] == "unknown_participant"


def test_a_change_that_is_plainly_impossible_changes_nothing(api: Api) -> None:
    made = api.breakout(api.meeting(*PEOPLE))
    path = f"/v1/breakouts/{made['id']}"
    answer = patch(api, path, {"name": "Other", "assignment": {"apart": [["ana", "bo", "cy"]]}}, 422)
    assert answer["code"] == "impossible_plan"
    assert api.get(path) == made


def test_a_dry_run_shows_no_groups_and_counts_the_calls(api: Api) -> None:
    meeting = api.meeting(*PEOPLE)
    told = api.post(f"/v1/meetings/{meeting['id']}/breakouts?dry_run=true", {"rooms": 2, "assignment": RULES})
    assert told["calls"] == {"create": 2, "add": 4, "record": 0, "total": 6}
    assert [room["participants"] for room in told["breakout"]["rooms"]] == [[], []]
    assert told["breakout"]["plan"]["state"] == "solving"


def test_without_people_to_deal_there_is_nothing_to_solve(api: Api) -> None:
    assert api.breakout(api.meeting(), assignment={"balance_by": ["team"]})["plan"]["state"] == "ready"
    by_hand = {"mode": "self_select", "together": [["ana", "bo"]]}
    assert api.breakout(api.meeting(*PEOPLE), assignment=by_hand)["plan"]["state"] == "ready"
