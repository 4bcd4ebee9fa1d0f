"""Plans with rules that continue an earlier breakout: its groups stay as they are, as far as the rules allow."""

from typing import Any

import pytest

from orchestrator.services.planning import creating
from schemas.requests import BreakoutRequest
from schemas.states import PlanState
from tests.services.test_solving import PEOPLE, Parts, Plan, groups, keeps_rules

PLAIN: dict[str, Any] = {"seed": 5}


def continued(plan: Plan, **assignment: Any) -> Plan:
    """Plan another breakout from this one, and return it with its groups."""
    asked = {"from_breakout": plan.id, "start": "manual", "assignment": {"seed": 8, **assignment}}
    body = BreakoutRequest.model_validate(asked)
    plan.id = creating.create(plan.deps, plan.hand.meeting_id, body)
    plan.hand.breakout_id = plan.id
    after = plan.solve()
    assert (after.plan.state, after.unassigned) == (PlanState.READY, [])
    return plan


def moved(before: list[set[str]], after: list[set[str]]) -> int:
    return sum(len(old - new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("rule", ["apart", "together"])
def test_groups_that_keep_the_rules_already_stay(fresh: Parts, rule: str) -> None:
    plan = Plan(fresh, rooms=3, assignment=PLAIN)
    before = groups(plan.shown())
    pair = sorted(before[0])[:2] if rule == "together" else [min(before[0]), min(before[1])]
    assert groups(continued(plan, **{rule: [pair]}).shown()) == before


def test_few_move_to_keep_the_rules(fresh: Parts) -> None:
    plan = Plan(fresh, rooms=4, assignment=PLAIN)
    before = groups(plan.shown())
    one, other = min(before[0]), min(before[1])
    assert moved(before, groups(continued(plan, together=[[one, other]]).shown())) == 2


def test_rules_hold_whatever_the_groups_were(fresh: Parts) -> None:
    plan = Plan(fresh, rooms=4, assignment=PLAIN)
    before = groups(plan.shown())
    after = continued(plan, together=[["p0", "p1"]], apart=[["p2", "p3", "p4"]]).shown()
    assert keeps_rules(after)
    assert (after.plan.spread, after.plan.optimal) == (0, True)
    assert moved(before, groups(after)) <= len(PEOPLE) // 2


def test_hosts_lead_their_own_rooms_where_rules_are_kept(fresh: Parts) -> None:
    plan = Plan(fresh, rooms=2, assignment={**PLAIN, "include_hosts": "one_per_room"})
    plan.register("h0", "h1", "h2", role="host")
    plan.change(assignment={"seed": 6})
    before = plan.shown()
    pair = sorted(groups(before)[0] - {"h0", "h1", "h2"})[:2]
    after = continued(plan, include_hosts="one_per_room", together=[pair]).shown()
    assert [room.facilitators for room in after.rooms] == [room.facilitators for room in before.rooms]
    assert groups(after) == groups(before)


@pytest.mark.parametrize("balance", [[], ["team"]])
def test_nobody_moves_for_groups_that_are_no_better(fresh: Parts, balance: list[str]) -> None:
    rules = {"together": [["p0", "p1", "p2", "p3", "p4"]], "balance_by": balance}
    plan = Plan(fresh, rooms=2, assignment={"seed": 5})
    plan.register(*PEOPLE[:5], attributes={"team": "red"})
    plan.change(assignment=rules)
    before = plan.solve()
    assert before.plan.spread == 2
    after = continued(plan, **rules).shown()
    assert groups(after) == groups(before)
    assert after.plan == before.plan
