"""Plans with rules: a task deals their groups, a start waits for them, and what is impossible is said or taken back."""

from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from orchestrator.errors import Malformed
from orchestrator.services.breakout import moving, operations
from orchestrator.services.breakout.earlier import SETTINGS
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import registering, removing
from orchestrator.services.planning import changing, rehearsing, rooms, solving
from orchestrator.services.planning.settings import columns
from orchestrator.services.views import breakouts
from schemas.requests import BreakoutChange, BreakoutRequest, NewRoomRequest, PersonRequest, ShuffleRequest
from schemas.responses import BreakoutResponse
from schemas.states import BreakoutState, PlanState
from schemas.tables import Breakout, Room, Solve
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

S, P = BreakoutState, PlanState
PEOPLE = [f"p{number}" for number in range(8)]
RULES = {"seed": 3, "together": [["p0", "p1"]], "apart": [["p2", "p3", "p4"]]}
HARD: dict[str, Any] = {
    # a circle of five who need three rooms, which only the solver can tell: no three of them are all apart
    "apart": [["p0", "p1"], ["p1", "p2"], ["p2", "p3"], ["p3", "p4"], ["p4", "p0"]]
}
Parts = tuple[Deps, SandboxServer]


class Plan:
    """A plan whose rows are worked on by hand."""

    def __init__(self, parts: Parts, *, meeting: dict[str, Any] | None = None, **body: Any) -> None:
        asked = {"rooms": 4, "start": "manual", "assignment": RULES, **body}
        self.hand = Hand(*parts, PEOPLE, meeting=meeting, **asked)
        self.deps, self.id = self.hand.deps, self.hand.breakout_id

    def shown(self) -> BreakoutResponse:
        """Return B."""
        with self.deps.database.reading() as session:
            return breakouts.breakout(session, self.id)

    def solve(self) -> BreakoutResponse:
        """Run the solver's task if it is due, and return B."""
        self.hand.work(Solve)
        return self.shown()

    def change(self, **body: Any) -> BreakoutResponse:
        """Change settings, and return B."""
        changing.change(self.deps, self.id, BreakoutChange.model_validate(body))
        return self.shown()

    def move(self, name: str, room: int) -> None:
        """Move somebody to the room with this index."""
        moving.move_person(self.deps, self.id, name, self.shown().rooms[room].id)

    def register(self, *names: str, **more: Any) -> None:
        """Register people, or change them."""
        people = [PersonRequest(custom_participant_id=name, name=name, **more) for name in names]
        registering.register(self.deps, self.hand.meeting_id, people)


def groups(breakout: BreakoutResponse) -> list[set[str]]:
    return [{one.custom_participant_id for one in room.participants} for room in breakout.rooms]


def pairs(breakout: BreakoutResponse) -> set[tuple[str, ...]]:
    return {pair for group in groups(breakout) for pair in combinations(sorted(group), 2)}


def problems(breakout: BreakoutResponse) -> list[tuple[str, str]]:
    return [(it.what, it.detail) for it in breakout.problems]


def keeps_rules(breakout: BreakoutResponse) -> bool:
    met = pairs(breakout)
    return ("p0", "p1") in met and not met & set(combinations(("p2", "p3", "p4"), 2))


def test_a_task_deals_the_groups_and_until_then_people_are_unassigned(fresh: Parts) -> None:
    plan = Plan(fresh)
    before = plan.shown()
    assert (before.state, before.plan.state, before.plan.optimal) == (S.DRAFT, P.SOLVING, None)
    assert (sorted(before.unassigned), groups(before)) == (PEOPLE, [set(), set(), set(), set()])
    after = plan.solve()
    assert (after.plan.state, after.plan.spread, after.plan.optimal, after.unassigned) == (P.READY, 0, True, [])
    assert keeps_rules(after)
    again = Plan(fresh).solve()
    assert groups(again) == groups(after)


def test_values_are_balanced_and_the_plan_says_how_well(fresh: Parts) -> None:
    plan = Plan(fresh, rooms=2, assignment={"deal": "now", "balance_by": ["team"]})
    plan.register(*PEOPLE[:3], attributes={"team": "red"})
    plan.change(assignment={"seed": 5})
    after = plan.solve()
    assert (after.plan.spread, after.plan.unbalanced, after.plan.optimal) == (0, {"team": 1}, True)


def test_what_is_plainly_impossible_is_refused_in_words(fresh: Parts) -> None:
    both = {"together": [["p0", "p1"]], "apart": [["p0", "p1"]]}
    with pytest.raises(Malformed, match="p0 and p1 must be together and apart"):
        Plan(fresh, assignment=both)
    plan = Plan(fresh)
    before = plan.solve()
    with pytest.raises(Malformed, match="p0 and p1 must be together and apart"):
        plan.change(assignment={"apart": [["p0", "p1"]]})
    assert plan.shown() == before


@pytest.mark.parametrize("start", ["manual", "now"])
def test_a_new_plan_that_is_impossible_fails_and_says_why(fresh: Parts, start: str) -> None:
    plan = Plan(fresh, rooms=2, assignment=HARD, start=start)
    if plan.shown().plan.state is P.SOLVING:
        plan.solve()
    after = plan.shown()
    assert (after.state, after.plan.state) == (S.FAILED, P.READY)
    ((what, why),) = problems(after)
    assert what == "impossible plan"
    assert all(name in why for name in PEOPLE[:5])


def test_a_start_waits_for_the_groups(fresh: Parts) -> None:
    plan = Plan(fresh)
    assert operations.start(plan.deps, plan.id)
    waiting = plan.shown()
    assert (waiting.state, waiting.plan.state, waiting.scheduled_for) == (S.SCHEDULED, P.SOLVING, None)
    assert operations.start(plan.deps, plan.id)
    assert plan.shown() == waiting
    assert plan.solve().state is S.OPENING
    plan.hand.work(Breakout, Room, Breakout)
    assert plan.shown().state is S.OPEN
    assert keeps_rules(plan.shown())


def test_a_start_that_waits_is_called_off_by_what_calls_off_any(fresh: Parts) -> None:
    plan = Plan(fresh)
    operations.start(plan.deps, plan.id)
    assert plan.change(start="manual").state is S.DRAFT
    assert (plan.solve().state, plan.shown().plan.state) == (S.DRAFT, P.READY)
    other = Plan(fresh)
    operations.start(other.deps, other.id)
    operations.cancel(other.deps, other.id)
    assert (other.solve().state, other.shown().plan.state) == (S.CANCELLED, P.READY)


def test_groups_of_a_start_that_is_called_off_are_a_preview_again(fresh: Parts) -> None:
    plan = Plan(fresh, assignment={**RULES, "deal": "at_start"})
    plan.solve()
    operations.start(plan.deps, plan.id)
    plan.change(start="manual")
    assert sum(map(len, groups(plan.solve()))) == 8
    plan.register("late")
    operations.start(plan.deps, plan.id)
    assert plan.shown().plan.state is P.SOLVING
    after = plan.solve()
    assert (after.state, sum(map(len, groups(after))), keeps_rules(after)) == (S.OPENING, 9, True)


def test_preparing_waits_for_the_groups(fresh: Parts) -> None:
    plan = Plan(fresh)
    operations.prepare(plan.deps, plan.id)
    plan.hand.work(Breakout, Room)
    assert plan.hand.rooms() == {"planned"}
    plan.solve()
    plan.hand.work(Breakout, Room)
    assert plan.hand.rooms() == {"ready"}


def test_a_scheduled_start_waits_for_the_groups_of_those_who_are_there_by_then(fresh: Parts) -> None:
    plan = Plan(fresh, assignment={**RULES, "deal": "at_start"})
    plan.solve()
    plan.register("late")
    plan.change(start=(plan.shown().created_at + timedelta(days=1)).isoformat())
    with plan.deps.database.transaction() as tx:
        due_now = {"starts_at": tx.now(), "due_at": tx.now()}
        tx.session.execute(update(Breakout).where(col(Breakout.id) == plan.id).values(**due_now))
    plan.hand.work(Breakout)
    assert (plan.shown().state, plan.shown().plan.state) == (S.SCHEDULED, P.SOLVING)
    after = plan.solve()
    assert after.state is S.OPENING
    assert (sum(map(len, groups(after))), keeps_rules(after), problems(after)) == (9, True, [])


def test_a_change_that_is_impossible_is_taken_back_and_a_start_that_waited_is_given_up(fresh: Parts) -> None:
    plan = Plan(fresh, rooms=["A", "B", "C"], assignment={"seed": 3, "together": [["p0", "p1"]]})
    before = plan.solve()
    changed = plan.change(rooms=["A", "Z"], name="Other", assignment={**HARD, "together": []})
    assert (changed.plan.state, changed.name, len(changed.rooms)) == (P.SOLVING, "Other", 2)
    operations.start(plan.deps, plan.id)
    plan.change(duration_seconds=600)
    after = plan.solve()
    assert (after.state, after.starts_at, after.plan) == (S.DRAFT, None, before.plan)
    assert [room.name for room in after.rooms] == ["A", "B", "C"]
    assert (groups(after), after.assignment, after.name) == (groups(before), before.assignment, before.name)
    assert after.duration_seconds == 600
    assert [what for what, _ in problems(after)] == ["impossible plan"]
    assert after.version > changed.version
    assert operations.start(plan.deps, plan.id)
    assert plan.shown().state is S.OPENING


@pytest.mark.parametrize("erase", [False, True])
def test_who_leaves_for_good_while_a_change_is_tried_is_in_no_rule_that_is_taken_back(
    fresh: Parts, *, erase: bool
) -> None:
    plan = Plan(fresh, rooms=2, assignment={"together": [["p0", "p1", "p5"], ["p6", "p7"]]})
    plan.solve()
    plan.change(assignment={"together": [], **HARD})
    removing.remove(plan.deps, plan.hand.meeting_id, "p7", erase=erase)
    removing.remove(plan.deps, plan.hand.meeting_id, "p5", erase=erase)
    found = plan.solve()
    assert (found.plan.state, found.assignment.together) == (P.READY, [["p0", "p1"]])
    assert plan.change(duration_seconds=60).duration_seconds == 60


def test_all_that_a_change_may_write_can_be_taken_back(fresh: Parts) -> None:
    deps, meeting_id = fresh[0], Plan(fresh).hand.meeting_id
    with deps.database.transaction() as tx:
        written = columns(tx, meeting_id, BreakoutRequest.model_validate({"rooms": 1}))
    assert written.keys() <= set(SETTINGS)


def test_a_shuffle_of_a_prepared_plan_deals_by_the_task_and_keeps_pins(fresh: Parts) -> None:
    plan = Plan(fresh)
    plan.solve()
    operations.prepare(plan.deps, plan.id)
    plan.hand.work(Breakout, Room)
    plan.move("p7", 2)
    changing.shuffle(plan.deps, plan.id, ShuffleRequest(seed=99))
    assert groups(plan.shown()) == [set(), set(), {"p7"}, set()]
    after = plan.solve()
    assert keeps_rules(after)
    assert "p7" in groups(after)[2]
    assert (after.seed, after.plan.spread) == (99, 0)


def test_an_answer_to_what_was_changed_meanwhile_is_forgotten(fresh: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(fresh)
    look_for = solving.look_for

    def and_somebody_adds_a_room(*asked: Any) -> Any:
        monkeypatch.undo()
        rooms.add_room(plan.deps, plan.id, NewRoomRequest(name="Fifth"))
        plan.move("p6", 4)
        return look_for(*asked)

    monkeypatch.setattr(solving, "look_for", and_somebody_adds_a_room)
    assert plan.solve().plan.state is P.SOLVING
    after = plan.solve()
    assert (after.plan.state, len(after.rooms), keeps_rules(after)) == (P.READY, 5, True)
    assert "p6" in groups(after)[4]


def test_a_worker_that_dies_while_it_solves_leaves_the_plan_to_another(
    fresh: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(fresh)

    def dies(*_: Any) -> Any:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(solving, "look_for", dies)
    with pytest.raises(KeyboardInterrupt):
        plan.hand.work(Solve)
    with plan.deps.database.transaction() as tx:
        row = tx.session.get_one(Solve, plan.id)
        assert (row.holder, row.due_at is not None) == (plan.deps.holder, True)
        row.holder = None  # as a timekeeper does when the lease has ended
    assert plan.solve().plan.state is P.READY


def test_who_is_named_and_not_dealt_is_passed_over(fresh: Parts) -> None:
    meeting = {
        "participants": [
            {"custom_participant_id": name, "name": name, "role": role}
            for name, role in (("boss", "host"), ("p0", "participant"), ("p1", "participant"))
        ]
    }
    plan = Plan(fresh, meeting=meeting, rooms=2, assignment={"together": [["boss", "p0"]], "apart": [["p0", "p1"]]})
    after = plan.solve()
    assert ({"p0"} in groups(after), {"p1"} in groups(after), problems(after)) == (True, True, [])


def test_hosts_are_dealt_one_to_a_room_with_rules_too(fresh: Parts) -> None:
    people = [{"custom_participant_id": name, "name": name} for name in PEOPLE]
    people += [{"custom_participant_id": name, "name": name, "role": "host"} for name in ("h1", "h2", "h3")]
    rules = {"include_hosts": "one_per_room", "together": [["p0", "p1"]]}
    after = Plan(fresh, meeting={"participants": people}, rooms=2, assignment=rules).solve()
    assert [len(room.facilitators) for room in after.rooms] == [1, 1]
    assert (after.plan.spread, ("p0", "p1") in pairs(after)) == (0, True)


@pytest.mark.parametrize("what", ["moves", "fewer rooms"])
def test_a_rule_that_cannot_be_kept_at_the_start_is_dropped_and_said(fresh: Parts, what: str) -> None:
    rules = {"together": [["p0", "p1"]]} if what == "moves" else HARD
    plan = Plan(fresh, rooms=3, assignment={"seed": 3, "deal": "at_start", **rules})
    assert plan.solve().plan.state is P.READY
    if what == "moves":
        plan.move("p0", 0)
        plan.move("p1", 1)
    else:
        rooms.delete_room(plan.deps, plan.id, plan.shown().rooms[2].id)
    operations.start(plan.deps, plan.id)
    after = plan.solve()
    assert (after.state, sum(map(len, groups(after)))) == (S.OPENING, 8)
    assert [kind for kind, _ in problems(after)] == ["rule broken"]


@pytest.mark.parametrize("apart", [["boss", "p0"], ["boss", "p0", "p1"]])
def test_a_latecomer_goes_where_no_rule_is_broken_or_it_is_said(fresh: Parts, apart: list[str]) -> None:
    people = [{"custom_participant_id": name, "name": name} for name in PEOPLE]
    host = {"custom_participant_id": "boss", "name": "Boss", "role": "host"}
    plan = Plan(fresh, meeting={"participants": [*people, host]}, rooms=2, assignment={"apart": [apart]})
    operations.start(plan.deps, plan.id)
    plan.solve()
    plan.hand.work(Breakout, Room, Breakout)
    plan.register("boss", role="participant")
    after = plan.shown()
    assert sum(map(len, groups(after))) == 9
    assert (("boss", "p0") in pairs(after)) <= (len(apart) > 2)
    assert len(problems(after)) == len(apart) - 2
    assert {what for what, _ in problems(after)} <= {"rule broken"}


def test_a_move_that_breaks_a_rule_is_reported_once(fresh: Parts) -> None:
    plan = Plan(fresh, start="now")
    plan.solve()
    plan.hand.work(Breakout, Room, Breakout)
    where = next(index for index, group in enumerate(groups(plan.shown())) if "p2" in group)
    plan.move("p3", where)
    assert problems(plan.shown()) == [("rule broken", "p2 and p3 are not apart")]
    plan.move("p3", (where + 1) % 4)
    plan.move("p3", where)
    assert [detail for _, detail in problems(plan.shown())].count("p2 and p3 are not apart") == 1
    assert plan.shown().plan.optimal is None


def test_a_dry_run_proves_what_is_plain_and_shows_no_groups(fresh: Parts) -> None:
    plan = Plan(fresh)
    body = BreakoutRequest.model_validate({"rooms": 4, "record": True, "assignment": RULES, "start": "now"})
    shown, conflicts = rehearsing.rehearse(plan.deps, plan.hand.meeting_id, body, breakouts.breakout)
    assert (shown.plan.state, groups(shown), conflicts) == (P.SOLVING, [set()] * 4, [])
    assert rehearsing.calls_of(shown).model_dump() == {"create": 4, "add": 8, "record": 4, "total": 16}
    with plan.deps.database.reading() as session:
        assert session.get(Solve, shown.id) is None
