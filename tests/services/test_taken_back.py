"""A change that turns out impossible is taken back, and nothing else is: what operators do meanwhile stays."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.services.breakout import moving
from orchestrator.services.breakout.room_changes import change_room
from orchestrator.services.meetings import removing
from orchestrator.services.planning import changing, rooms
from schemas.requests import NewRoomRequest, RoomChange, ShuffleRequest
from schemas.responses import BreakoutResponse
from schemas.states import BreakoutState, PlanState
from schemas.tables import Solve
from tests.services.test_solving import HARD, Parts, Plan, groups, problems

IMPOSSIBLE: dict[str, Any] = {"assignment": {**HARD, "together": []}, "duration_seconds": 700}


@pytest.fixture
def plan(fresh: Parts) -> Plan:
    """Return a plan whose groups keep a rule."""
    plan = Plan(fresh, rooms=["A", "B"], duration_seconds=500, assignment={"seed": 3, "together": [["p0", "p1"]]})
    plan.solve()
    return plan


def room_id(plan: Plan, name: str) -> str:
    return next(room.id for room in plan.shown().rooms if room.name == name)


def someone_in(breakout: BreakoutResponse, index: int) -> str:
    return max(groups(breakout)[index] - {"p0", "p1", "p7"})


def add(plan: Plan, name: str) -> str:
    """Add a room that p7 fills, so that the rules stay impossible; return its id."""
    added = rooms.add_room(plan.deps, plan.id, NewRoomRequest(name=name, max_participants=1))
    moving.move_person(plan.deps, plan.id, "p7", added)
    return added


def alter(plan: Plan, room: str, **body: Any) -> None:
    change_room(plan.deps, plan.id, room_id(plan, room), RoomChange.model_validate(body))


def taken_back(plan: Plan) -> BreakoutResponse:
    assert plan.shown().plan.state is PlanState.SOLVING
    after = plan.solve()
    assert after.plan.state is PlanState.READY
    assert [what for what, _ in problems(after)] == ["impossible plan"]
    return after


def test_without_anything_since_all_is_as_before(plan: Plan) -> None:
    before = plan.shown()
    plan.change(**IMPOSSIBLE, rooms=["B", {"name": "Z", "participants": ["p7"]}])
    after = taken_back(plan)
    assert groups(after) == groups(before)
    same = {"version", "problems", "rooms", "progress"}
    assert after.model_dump(exclude=same) == before.model_dump(exclude=same)
    assert [(it.name, it.index, it.max_participants) for it in after.rooms] == [("A", 0, None), ("B", 1, None)]
    assert not any(person.pinned for room in after.rooms for person in room.participants)


@pytest.mark.parametrize(
    ("edit", "differs"),
    [
        (lambda plan: alter(plan, "B", name="Bee"), lambda b: b.rooms[1].name == "Bee"),
        (lambda plan: alter(plan, "B", max_participants=7), lambda b: b.rooms[1].max_participants == 7),
        (lambda plan: plan.change(duration_seconds=800), lambda b: b.duration_seconds == 800),
        (lambda plan: plan.change(countdown_seconds=9), lambda b: b.countdown_seconds == 9),
    ],
    ids=["name", "limit", "a setting of the change", "another setting"],
)
def test_what_is_changed_since_stays(
    plan: Plan, edit: Callable[[Plan], object], differs: Callable[[BreakoutResponse], bool]
) -> None:
    before = plan.shown()
    plan.change(**IMPOSSIBLE)
    edit(plan)
    after = taken_back(plan)
    assert differs(after)
    assert not differs(before)
    assert (groups(after), after.assignment) == (groups(before), before.assignment)
    assert [room.id for room in after.rooms] == [room.id for room in before.rooms]
    assert after.duration_seconds in (500, 800)


def test_rooms_that_are_added_and_deleted_since_stay_so(plan: Plan) -> None:
    before = plan.shown()
    plan.change(**IMPOSSIBLE)
    extra = add(plan, "Extra")
    rooms.delete_room(plan.deps, plan.id, room_id(plan, "B"))
    after = taken_back(plan)
    assert [(room.name, room.max_participants) for room in after.rooms] == [("A", None), ("Extra", 1)]
    assert after.rooms[1].id == extra
    assert groups(after) == [groups(before)[0] - {"p7"}, {"p7"}]
    assert set(after.unassigned) == groups(before)[1] - {"p7"}


def test_a_room_with_the_name_of_one_the_change_took_away_stands_for_it(plan: Plan) -> None:
    before = plan.shown()
    plan.change(**IMPOSSIBLE, rooms=["A", "Z"])
    added = add(plan, "B")
    plan.hand.work(Solve)
    after = plan.shown()
    assert [(room.name, room.id == added) for room in after.rooms] == [("A", False), ("B", True)]
    assert groups(after) == [groups(before)[0] - {"p7"}, {"p7"}]
    assert set(after.unassigned) == groups(before)[1] - {"p7"}
    assert {it.custom_participant_id for it in after.problems if it.what == "no place"} == set(after.unassigned)


def test_who_is_moved_since_is_where_they_were_moved(plan: Plan) -> None:
    before = plan.shown()
    home, away = someone_in(before, 0), someone_in(before, 1)
    plan.change(**IMPOSSIBLE)
    moving.move_person(plan.deps, plan.id, home, None)
    moving.move_person(plan.deps, plan.id, away, room_id(plan, "A"))
    after = taken_back(plan)
    assert groups(after) == [groups(before)[0] - {home} | {away}, groups(before)[1] - {away}]
    assert after.unassigned == [home]
    assert [one.custom_participant_id for one in after.rooms[0].participants if one.pinned] == [away]
    plan.change(assignment={"seed": 4})
    again = plan.solve()
    assert (again.unassigned, away in groups(again)[0]) == ([home], True), "and stays there when others are dealt anew"


def test_who_leaves_for_good_is_in_no_rule_and_the_earlier_rules_are_back(plan: Plan) -> None:
    before = plan.shown()
    plan.change(assignment={"apart": [*HARD["apart"], ["p5", "p6"]], "together": []})
    removing.remove(plan.deps, plan.hand.meeting_id, "p5", erase=False)
    after = taken_back(plan)
    assert (after.assignment.together, after.assignment.apart) == ([["p0", "p1"]], [])
    assert groups(after) == [group - {"p5"} for group in groups(before)]


def test_a_limit_since_holds_and_who_was_moved_goes_first(plan: Plan) -> None:
    before = plan.shown()
    moved = someone_in(before, 1)
    plan.change(**IMPOSSIBLE)
    alter(plan, "A", max_participants=4)
    moving.move_person(plan.deps, plan.id, moved, room_id(plan, "A"))
    plan.hand.work(Solve)
    after = plan.shown()
    assert [what for what, _ in problems(after)] == ["no place", "impossible plan"]
    in_a, in_b = groups(after)
    assert (len(in_a), moved in in_a, in_b) == (4, True, groups(before)[1] - {moved})
    assert set(after.unassigned) == groups(before)[0] - in_a
    assert after.plan.optimal is None, "these are not the groups that were the best"


def test_who_is_moved_to_a_room_of_the_change_is_where_they_were(plan: Plan) -> None:
    before = plan.shown()
    plan.change(**IMPOSSIBLE, rooms=["A", "Z"])
    moving.move_person(plan.deps, plan.id, "p7", room_id(plan, "Z"))
    assert groups(taken_back(plan)) == groups(before)


def test_a_room_deleted_since_lends_its_name_to_no_other(plan: Plan) -> None:
    before = plan.shown()
    plan.change(**IMPOSSIBLE)
    rooms.delete_room(plan.deps, plan.id, room_id(plan, "B"))
    alter(plan, "A", name="B")
    add(plan, "Extra")
    after = taken_back(plan)
    assert [room.name for room in after.rooms] == ["B", "Extra"]
    assert groups(after)[0] == groups(before)[0] - {"p7"}
    assert set(after.unassigned) == groups(before)[1] - {"p7"}


def test_a_shuffle_that_is_impossible_is_taken_back_whatever_the_mode_was(fresh: Parts) -> None:
    plan = Plan(fresh, rooms=["A", "B"], assignment={**HARD, "mode": "manual"})
    before = plan.shown()
    changing.shuffle(plan.deps, plan.id, ShuffleRequest(seed=99))
    after = taken_back(plan)
    assert (after.state, after.assignment, groups(after)) == (before.state, before.assignment, groups(before))


@pytest.mark.parametrize("changes", [1, 2])
@pytest.mark.parametrize("start", ["manual", "now"])
def test_a_change_of_a_new_plan_is_taken_back_and_its_groups_are_found_without_it(
    fresh: Parts, changes: int, start: str
) -> None:
    plan = Plan(fresh, rooms=["A", "B"], duration_seconds=500, assignment={"together": [["p0", "p1"]]}, start=start)
    before = plan.shown()
    for _ in range(changes):
        plan.change(**IMPOSSIBLE)
    taken_back = plan.solve()
    assert (taken_back.state, taken_back.plan.state) == (BreakoutState.DRAFT, PlanState.SOLVING)
    assert [what for what, _ in problems(taken_back)] == ["impossible plan"]
    after = plan.solve()
    assert (after.state, after.plan.state) == (BreakoutState.DRAFT, PlanState.READY)
    assert (after.assignment, after.duration_seconds) == (before.assignment, 500)
    assert any({"p0", "p1"} <= group for group in groups(after))
    assert after.unassigned == []


def test_a_new_plan_of_which_no_rule_is_left_is_dealt_when_its_change_is_taken_back(fresh: Parts) -> None:
    plan = Plan(fresh, rooms=["A", "B"], assignment={"together": [["p6", "p7"]]})
    plan.change(**IMPOSSIBLE)
    removing.remove(plan.deps, plan.hand.meeting_id, "p7", erase=False)
    plan.solve()
    after = plan.solve()
    assert (after.plan.state, after.assignment.together, after.unassigned) == (PlanState.READY, [], [])


@pytest.mark.parametrize("start", ["manual", "now"])
def test_a_plan_whose_rooms_are_deleted_while_its_groups_are_looked_for_has_not_failed(
    fresh: Parts, start: str
) -> None:
    plan = Plan(fresh, rooms=["A", "B"], assignment={"together": [["p0", "p1"]]}, start=start)
    for room in plan.shown().rooms:
        rooms.delete_room(plan.deps, plan.id, room.id)
    after = plan.solve()
    assert (after.state, after.plan.state) == (BreakoutState.DRAFT, PlanState.READY)
    assert "impossible plan" not in [what for what, _ in problems(after)]


def test_a_change_whose_groups_were_looked_for_stays_when_all_rooms_are_deleted(plan: Plan) -> None:
    plan.change(name="Other", assignment={"together": [["p2", "p3"]]})
    for name in ("A", "B"):
        rooms.delete_room(plan.deps, plan.id, room_id(plan, name))
    after = plan.solve()
    assert (after.name, after.assignment.together, problems(after)) == ("Other", [["p2", "p3"]], [])


def test_a_new_plan_that_is_impossible_without_its_change_too_has_failed(fresh: Parts) -> None:
    plan = Plan(fresh, rooms=["A", "B"], assignment={**HARD, "together": []})
    plan.change(duration_seconds=700, assignment={"seed": 4})
    assert plan.solve().plan.state is PlanState.SOLVING
    after = plan.solve()
    assert (after.state, [what for what, _ in problems(after)]) == (BreakoutState.FAILED, ["impossible plan"] * 2)


def test_two_changes_are_taken_back_together_and_what_came_between_stays(plan: Plan) -> None:
    before = plan.shown()
    plan.change(**IMPOSSIBLE)
    extra = add(plan, "Extra")
    moved = someone_in(before, 0)
    moving.move_person(plan.deps, plan.id, moved, None)
    changing.shuffle(plan.deps, plan.id, ShuffleRequest(seed=99))
    plan.change(countdown_seconds=9)
    after = taken_back(plan)
    assert [room.id for room in after.rooms] == [*(room.id for room in before.rooms), extra]
    assert (after.seed, after.assignment, after.countdown_seconds) == (before.seed, before.assignment, 9)
    assert groups(after) == [groups(before)[0] - {moved, "p7"}, groups(before)[1] - {"p7"}, {"p7"}]
    assert after.duration_seconds == 500
