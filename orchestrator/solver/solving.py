"""Solving an assignment with constraints: by exchanging people, and by CP-SAT what is left then to gain or to prove."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from time import monotonic

from orchestrator.domain import balance
from orchestrator.domain.balance import Values
from orchestrator.domain.conflicts import check
from orchestrator.domain.constraints import Constraints
from orchestrator.domain.distribution import Impossible, shuffled
from orchestrator.domain.exchange import APART, Search
from orchestrator.domain.rules import Rules, broken
from orchestrator.domain.table import Dealt, Table
from orchestrator.solver.explaining import explain
from orchestrator.solver.extra import cp_sat
from orchestrator.solver.model import Answer, Model

WORK = 1_000_000
"""How many exchanges are looked at before CP-SAT takes over, which takes about a second."""
MOST_PEOPLE_BALANCED = 1000
"""With more people than that, CP-SAT balances from the beginning: each two of one value would be a pair to look at."""
NOT_FOUND = "no assignment that holds all rules was found in the time there is; perhaps there is none."


@dataclass(frozen=True)
class Solved:
    """The people of each room, and how good that is."""

    groups: list[list[str]]
    spread: int
    unbalanced: dict[str, int]
    optimal: bool
    """Whether it is proven that nothing more even exists, and nothing as even that is more balanced."""


def solve(
    constraints: Constraints,
    values: Values,
    seed: int,
    seconds: float,
    groups: Sequence[Sequence[str]] = (),
) -> Solved:
    """Seat everybody: as evenly as possible first, then as balanced as possible.

    It begins with `groups`, where they are given, and changes them as little as it takes, as far as it finds out.
    A function of the constraints and the seed where the solver is done before the time is over, or counts it in its
    own steps. Raises Impossible, with the people or the rules that conflict, and MissingExtra.
    """
    cp_sat()
    until = monotonic() + 0.9 * seconds  # it ends a little later than it is told to
    check(constraints)
    table = Table(constraints.people, constraints.rooms, constraints.rules)
    luck = random.Random(seed)  # noqa: S311 - must be repeatable, and guards nothing
    order = shuffled(range(len(table.units)), luck)
    room_of, dealt = _exchanged(constraints, table, values, order, luck, homes=table.homes(groups))
    even = _holds(constraints, dealt) and _is_even(table, dealt.groups)
    if even and _is_balanced(dealt.groups, values):
        return _solved(dealt.groups, values, optimal=True)
    answer = _modelled(constraints, table, values, room_of, even=even, seed=seed, steps=seconds / 4, until=until)
    solved = _solved(table.seated(answer.room_of, order).groups, values, optimal=answer.proven)
    exchanged = _solved(dealt.groups, values, optimal=answer.proven)
    if groups and _holds(constraints, dealt) and _badness(exchanged) <= _badness(solved):
        return exchanged  # nobody moves for something that is no better
    return replace(exchanged, optimal=False) if even and _unbalance(exchanged) < _unbalance(solved) else solved


def _modelled(
    constraints: Constraints,
    table: Table,
    values: Values,
    start: dict[int, int],
    *,
    even: bool,
    seed: int,
    steps: float,
    until: float,
) -> Answer:
    """Let CP-SAT make rooms even, unless the start is, and then balanced; it has so many steps for each.

    1. Begin where exchanging has arrived.
    2. Make the rooms as even as possible, and keep to that.
    3. Balance them.
    """
    model = Model(constraints, table)
    model.hint(start)
    evenness = model.evenness()
    first = Answer(start, proven=True)
    if even:
        model.at_most(evenness, model.even_cost())
    else:
        first = model.solve(evenness, seed, steps, until)
        if not first.room_of:
            raise Impossible(explain(constraints, steps) if first.proven else NOT_FOUND)
        model.at_most(evenness, first.cost)
        model.hint(first.room_of)
    if not values:
        return first
    second = model.solve(model.unbalance(values), seed, steps, until)
    return replace(second if second.room_of else first, proven=first.proven and second.proven)


def _exchanged(
    constraints: Constraints,
    table: Table,
    values: Values,
    order: list[int],
    luck: random.Random,
    *,
    homes: Mapping[int, int],
) -> tuple[dict[int, int], Dealt]:
    """Return what exchanging people one by one arrives at: the room of each unit, and the people of each room."""
    aversions = table.aversions(_aversions(constraints, values))
    rooms = shuffled(range(len(table.rooms)), luck)
    start = table.placed(aversions, order, rooms, homes)
    least = table.least_unevenness(sum(start.sizes)) + _least_meetings(table, values)
    room_of = dict(enumerate(Search(start, least, luck, WORK).run()))
    return room_of, table.seated(room_of, order)


def _aversions(constraints: Constraints, values: Values) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield each two who had better not be in one room: facilitators, and people with the same value."""
    for pair in Rules(apart=tuple(constraints.facilitator_lists())).apart_pairs():
        yield pair, APART
    if len(constraints.everybody) <= MOST_PEOPLE_BALANCED:
        for of in values.values():
            same: dict[str | None, list[str]] = {}
            for person in sorted(constraints.everybody):
                same.setdefault(of.get(person), []).append(person)
            for people in same.values():
                yield from ((pair, 1) for pair in combinations(people, 2))


def _least_meetings(table: Table, values: Values) -> int:
    """Return how many pairs of the same value and of two units are in one room at least."""
    people = [person for unit in table.units for person in unit]
    rooms, pairs = len(table.rooms), 0
    for of in values.values():
        for number in Counter(of.get(person) for person in people).values():
            each, more = divmod(number, rooms)
            pairs += rooms * comb(each, 2) + more * each
        pairs -= sum(of.get(one) == of.get(other) for unit in table.units for one, other in combinations(unit, 2))
    return pairs


def _holds(constraints: Constraints, dealt: Dealt) -> bool:
    apart = Rules(apart=tuple(constraints.facilitator_lists()))
    return not dealt.left and not dealt.broken and not broken(apart, dealt.groups)


def _is_even(table: Table, groups: list[list[str]]) -> bool:
    """Return whether no other sizes could be more even."""
    return sorted(map(len, groups)) == sorted(table.even_sizes(sum(map(len, groups))))


def _is_balanced(groups: list[list[str]], values: Values) -> bool:
    """Return whether nobody could make the differences smaller: they are 0 where that is possible, else 1."""
    people = [person for group in groups for person in group]
    for attribute, difference in balance.unbalanced(groups, values).items():
        numbers = Counter(values[attribute].get(person) for person in people)
        if difference > any(number % len(groups) for number in numbers.values()):
            return False
    return True


def _badness(solved: Solved) -> tuple[int, int]:
    return solved.spread, _unbalance(solved)


def _unbalance(solved: Solved) -> int:
    return sum(solved.unbalanced.values())


def _solved(groups: list[list[str]], values: Values, *, optimal: bool) -> Solved:
    return Solved(groups, balance.spread(groups), balance.unbalanced(groups, values), optimal)
