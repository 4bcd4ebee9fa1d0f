"""A model for CP-SAT: which unit of people is in which room."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from orchestrator.domain.balance import Values
from orchestrator.domain.constraints import Constraints
from orchestrator.domain.table import Table
from orchestrator.solver.extra import cp_sat

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

FIRST = 10_000
"""By how much what counts first outweighs what counts second in an objective."""
SOONEST = 0.2
"""How many seconds a solution has at least, however late it is."""


@dataclass(frozen=True)
class Answer:
    """What was found: the room of each unit, or nothing; whether nothing better is proven to be; what it costs."""

    room_of: dict[int, int]
    proven: bool
    cost: int = 0


class Model:
    """Each unit is in one room, limits and rules hold, and each room has one facilitator at most."""

    def __init__(self, constraints: Constraints, table: Table) -> None:
        self._cp = cp_sat()
        self._model: cp_model.CpModel = self._cp.CpModel()
        self._table = table
        self._rooms = range(len(table.rooms))
        self._people = sum(facts.size for facts in table.facts)
        self._in = [[self._model.new_bool_var("") for _ in self._rooms] for _ in table.units]
        for unit, facts in enumerate(table.facts):
            self._model.add_exactly_one(self._in[unit])
            if facts.pinned is not None:
                self._model.add(self._in[unit][facts.pinned] == 1)
        self._sizes = [self._count(room, [facts.size for facts in table.facts]) for room in self._rooms]
        for size, limit in zip(self._sizes, table.limits, strict=True):
            if limit is not None:
                self._model.add(size <= limit)
        self._keep_apart(constraints)

    def _keep_apart(self, constraints: Constraints) -> None:
        lists = [*self._table.rules.apart, *constraints.facilitator_lists()]
        for units in {frozenset(self._table.unit_of[name] for name in names) for names in lists}:
            for room in self._rooms if len(units) > 1 else ():
                self._model.add_at_most_one(self._in[unit][room] for unit in sorted(units))

    def _count(self, room: int, weights: Sequence[int]) -> "cp_model.LinearExpr":
        having = [unit for unit, weight in enumerate(weights) if weight]
        expression: cp_model.LinearExpr = self._cp.LinearExpr.weighted_sum(
            [self._in[unit][room] for unit in having], [weights[unit] for unit in having]
        )
        return expression

    def _sum(self, parts: "Sequence[cp_model.LinearExpr]") -> "cp_model.LinearExpr":
        expression: cp_model.LinearExpr = self._cp.LinearExpr.sum(parts)
        return expression

    def evenness(self) -> "cp_model.LinearExpr":
        """Return what makes rooms uneven: first the spread, then how far the sizes are from those of single people."""
        people = self._people
        off: list[cp_model.LinearExpr] = []
        for size, ideal in zip(self._sizes, self._table.even_sizes(people), strict=True):
            more = self._model.new_int_var(0, people, "")
            self._model.add(more >= size - ideal - 1)
            self._model.add(more >= ideal - 1 - size)
            off.append(more)
        return FIRST * self._difference(self._sizes, people) + self._sum(off)

    def even_cost(self) -> int:
        """Return what `evenness` is where single people could not be seated more evenly."""
        sizes = self._table.even_sizes(self._people)
        return FIRST * (max(sizes) - min(sizes))

    def unbalance(self, values: Values) -> "cp_model.LinearExpr":
        """Return how unbalanced rooms are: first the largest difference in each attribute, then the others."""
        costs: list[cp_model.LinearExpr] = []
        for of in values.values():
            largest = self._model.new_int_var(0, len(of) + len(self._table.units), "")
            numbers = Counter(of.get(person) for unit in self._table.units for person in unit)
            for value, number in sorted(numbers.items(), key=str):
                if number > 1:  # one person always makes a difference of one
                    weights = [sum(of.get(person) == value for person in unit) for unit in self._table.units]
                    counts = [self._count(room, weights) for room in self._rooms]
                    difference = self._difference(counts, number)
                    self._model.add(largest >= difference)
                    costs.append(difference)
            costs.append(FIRST * largest)
        return self._sum(costs)

    def _difference(self, counts: Sequence["cp_model.LinearExpr"], most: int) -> "cp_model.LinearExpr":
        """Return the difference between the largest and the smallest of these, as far as it is kept small."""
        high, low = self._model.new_int_var(0, most, ""), self._model.new_int_var(0, most, "")
        for count in counts:
            self._model.add(low <= count)
            self._model.add(count <= high)
        return high - low

    def at_most(self, objective: "cp_model.LinearExpr", cost: int) -> None:
        """From here on nothing may cost more than that."""
        self._model.add(objective <= cost)

    def hint(self, room_of: Mapping[int, int]) -> None:
        """Begin the search where units are in these rooms."""
        self._model.clear_hints()  # type: ignore[no-untyped-call]
        for unit, rooms in enumerate(self._in):
            for room, variable in enumerate(rooms):
                self._model.add_hint(variable, room_of.get(unit) == room)

    def solve(self, objective: "cp_model.LinearExpr", seed: int, steps: float, until: float) -> Answer:
        """Minimise. `steps` are the solver's own, about a second each, so that the same seed gives the same answer.

        Only on a slow machine does the clock stop it before that, at `until` (monotonic).
        """
        self._model.minimize(objective)
        solver = self._cp.CpSolver()
        solver.parameters.random_seed = seed % 2**31
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = steps
        solver.parameters.max_time_in_seconds = max(SOONEST, until - monotonic())
        status = solver.solve(self._model)
        proven = status in (self._cp.OPTIMAL, self._cp.INFEASIBLE)
        if status not in (self._cp.OPTIMAL, self._cp.FEASIBLE):
            return Answer({}, proven)
        rooms = {
            unit: next(r for r in self._rooms if solver.boolean_value(its[r])) for unit, its in enumerate(self._in)
        }
        return Answer(rooms, proven, round(solver.objective_value))
