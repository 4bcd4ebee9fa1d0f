"""Why an assignment is impossible, where only the solver can tell: the rules that can't hold at the same time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.domain.constraints import Constraints
from orchestrator.domain.wording import listed
from orchestrator.solver.extra import cp_sat

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

MOST_TRIES = 40
"""How many rules are tried to be left out; of more the explanation may name some that are not needed."""
UNNAMED = "the rules, pins and limits can't all hold at the same time."


@dataclass(frozen=True)
class _Rule:
    words: str
    people: tuple[str, ...]
    kind: str
    room: int = 0
    limit: int = 0


def explain(constraints: Constraints, seconds: float) -> str:
    """Return a sentence that names rules which can't hold at the same time, as few as are found in the time."""
    rules = list(_rules(constraints))
    conflicting = _core(constraints, rules, seconds)
    if not conflicting:
        return UNNAMED
    for rule in conflicting[:MOST_TRIES]:
        fewer = [other for other in conflicting if other != rule]
        if _core(constraints, fewer, seconds / MOST_TRIES) is not None:
            conflicting = fewer
    return f"these can't hold at the same time: {listed([rule.words for rule in conflicting])}."


def _rules(constraints: Constraints) -> Iterator[_Rule]:
    rules = constraints.rules.among(constraints.everybody)
    for names in rules.together:
        yield _Rule(f"{listed(names)} together", names, "together")
    for names in rules.apart:
        yield _Rule(f"{listed(names)} apart", names, "apart")
    for names in constraints.facilitator_lists():
        if len(names) > 1:
            yield _Rule(f"{listed(names)} in rooms of their own as hosts", names, "apart")
    for person, room in constraints.pins.items():
        yield _Rule(f"{person} in {constraints.names[room]}", (person,), "pinned", room)
    for room, spec in enumerate(constraints.rooms):
        if spec.max_participants is not None:
            yield _Rule(
                f"at most {spec.max_participants} in {constraints.names[room]}",
                (),
                "limit",
                room,
                spec.max_participants,
            )


def _core(constraints: Constraints, rules: Sequence[_Rule], seconds: float) -> list[_Rule] | None:
    """Return rules of these that can't hold at the same time; None if all of them can, or nothing is proven in time."""
    cp = cp_sat()
    model: cp_model.CpModel = cp.CpModel()
    rooms = range(len(constraints.rooms))
    places = {one: [model.new_bool_var("") for _ in rooms] for one in sorted(constraints.everybody)}
    for variables in places.values():
        model.add_exactly_one(variables)
    literals = [model.new_bool_var("") for _ in rules]
    for rule, literal in zip(rules, literals, strict=True):
        for constraint in _enforced(model, constraints, rule, places):
            constraint.only_enforce_if(literal)
    model.add_assumptions(literals)
    solver = cp.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = seconds / 2
    solver.parameters.max_time_in_seconds = seconds
    if solver.solve(model) != cp.INFEASIBLE:
        return None
    needed = set(solver.sufficient_assumptions_for_infeasibility())
    return [rule for rule, literal in zip(rules, literals, strict=True) if literal.index in needed]


def _enforced(
    model: "cp_model.CpModel",
    constraints: Constraints,
    rule: _Rule,
    places: "dict[str, list[cp_model.IntVar]]",
) -> "Iterator[cp_model.Constraint]":
    if rule.kind == "pinned":
        yield model.add(places[rule.people[0]][rule.room] == 1)
    elif rule.kind == "limit":
        yield model.add(sum(its[rule.room] for its in places.values()) <= rule.limit)
    else:
        for room in range(len(constraints.rooms)):
            if rule.kind == "apart":
                yield model.add(sum(places[name][room] for name in rule.people) <= 1)
            else:
                for one, other in pairwise(rule.people):
                    yield model.add(places[one][room] == places[other][room])
