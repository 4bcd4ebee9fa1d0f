"""Constraints that contradict each other: found at once, without a solver, and said in words that name the people.

What is found is minimal: without any one of the people who are named, no rule, pin or number of rooms would keep the
others from being seated. Not everything that is impossible is found here. That rules leave too few places in rooms with
limits only a solver can prove.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise, permutations

from orchestrator.domain.cliques import clique
from orchestrator.domain.constraints import Constraints
from orchestrator.domain.distribution import Impossible, check_places
from orchestrator.domain.rules import Rules
from orchestrator.domain.togetherness import Node, Togetherness
from orchestrator.domain.wording import count, listed

MOST_REASONS = 6
"""How many rules are named one by one; of more only the people are."""
MOST_MINIMIZED = 50
"""Of a conflict of more people nobody is left out to see whether it goes on without them."""
WORK = 200_000
"""How many steps are taken to find the shortest of all ways between two who are apart. For few it is exact."""


@dataclass(frozen=True)
class Conflict:
    """People who can't all be seated, and why, as a sentence."""

    people: tuple[str, ...]
    why: str
    is_minimal: bool = field(default=False, compare=False)
    """Whether it is known that nothing of the kind would keep the others from being seated without any one of them."""


def check(constraints: Constraints) -> None:
    """Raise Impossible for pins, limits or rules of which it can be proven at once that they contradict each other."""
    check_places(constraints.people, constraints.rooms)
    if found := conflict(constraints):
        raise Impossible(f"{found.why}.")


def conflict(constraints: Constraints) -> Conflict | None:
    """Return people who can't all be seated: without any one of them there is no such reason for the others."""
    found = _quickest(constraints)
    while found is not None and not found.is_minimal and len(found.people) <= MOST_MINIMIZED:
        constraints = constraints.among(found.people)
        fewer = (constraints.among(set(found.people) - {person}) for person in found.people)
        smaller = next((it for it in map(_quickest, fewer) if it is not None), None)
        found = smaller or replace(found, is_minimal=True)
    return found


def keepable(constraints: Constraints) -> tuple[Rules, list[Conflict]]:
    """Return the rules without those that can't be kept, and why each of these can't.

    Of the rules in a conflict the one goes that was given last, an `apart` before a `together`.
    """
    dropped: list[Conflict] = []
    while (found := conflict(constraints)) is not None:
        rules = _without_last(constraints.rules, set(found.people))
        if rules == constraints.rules:
            break
        dropped.append(found)
        constraints = replace(constraints, rules=rules)
    return constraints.rules, dropped


def _without_last(rules: Rules, people: set[str]) -> Rules:
    for name in ("apart", "together"):
        lists: tuple[tuple[str, ...], ...] = getattr(rules, name)
        for index in range(len(lists) - 1, -1, -1):
            if len(people.intersection(lists[index])) > 1:
                return replace(rules, **{name: lists[:index] + lists[index + 1 :]})
    return rules


def _quickest(constraints: Constraints) -> Conflict | None:
    """Return one of the conflicts with the fewest people; if a list of `apart` is too long, one of a part of it."""
    rooms = len(constraints.rooms)
    long = next((names for names in constraints.rules.among(constraints.everybody).apart if len(names) > rooms), None)
    if long is not None:
        constraints = constraints.among(sorted(long)[: rooms + 1])
    graph = Togetherness(constraints)
    found = [*_torn(constraints, graph), *_crowded(constraints, graph)]
    found += _too_many_apart(constraints, graph) if long is None else [_all_apart(constraints)]
    return min(found, key=lambda one: (len(one.people), one.people), default=None)


def _all_apart(constraints: Constraints) -> Conflict:
    """Return the conflict of people who are all apart, one more than there are rooms."""
    people = _people(constraints.everybody)
    return Conflict(people, _why_too_many(constraints, people, [], []), is_minimal=True)


def _torn(constraints: Constraints, graph: Togetherness) -> Iterator[Conflict]:
    """Yield people who must be in one place and must not: two who are apart, or people pinned to two rooms."""
    work = WORK
    for one, other in _torn_pairs(constraints, graph):
        way = graph.way(one, other)
        if {one, other} <= constraints.facilitators:
            why = f"{one} and {other} are hosts, one to a room, but {_reasons(constraints, way)}"
        elif len(way) == 2:
            why = f"{one} and {other} must be together and apart"
        else:
            why = f"{one} and {other} must be apart, but {_reasons(constraints, way)}"
        yield Conflict(_people(way), why)
        work -= len(constraints.everybody)
        if work < 0:
            break
    for room in sorted(set(constraints.pins.values())):
        if (other_room := graph.other_room(room)) is not None:
            way = graph.way(room, other_room)
            yield Conflict(_people(way), f"nobody can be in two rooms, but {_reasons(constraints, way)}")


def _torn_pairs(constraints: Constraints, graph: Togetherness) -> list[tuple[str, str]]:
    """Return the pairs who must be apart and in one place; of those whom one list joins, the first alone."""
    torn = [(one, other) for one, other in constraints.apart if graph.home(one) == graph.home(other)]
    joined = next((pair for pair in torn if graph.share_a_list(*pair)), None)
    return torn if joined is None else [joined]


def _crowded(constraints: Constraints, graph: Togetherness) -> Iterator[Conflict]:
    """Yield people who must be in one room that is too small for them."""
    limits = [room.max_participants for room in constraints.rooms]
    for room in sorted(set(constraints.pins.values())):
        limit, name = limits[room], constraints.names[room]
        people = [node for node in graph.reached(room) if isinstance(node, str)]
        if limit is not None and len(people) > limit:
            some = _people(people[: limit + 1])
            yield Conflict(some, f"{listed(some)} must be in {name}, but it takes at most {limit}")
    if None in limits:
        return
    largest = max((limit or 0 for limit in limits), default=0)
    for unit in graph.units:
        if len(unit) > largest:
            near = [node for node in graph.reached(unit[0]) if node in unit]
            some = _people(near[: largest + 1])
            yield Conflict(some, f"{listed(some)} must be together, but no room takes more than {largest}")


def _too_many_apart(constraints: Constraints, graph: Togetherness) -> Iterator[Conflict]:
    """Yield people who all need rooms of their own, of which there are not enough."""
    rooms = len(constraints.rooms)
    pairs: dict[tuple[Node, Node], tuple[str, str]] = {}
    for one, other in constraints.apart:
        first, second = graph.home(one), graph.home(other)
        pairs.setdefault((first, second), (one, other))
        pairs.setdefault((second, first), (other, one))
    taken = {node for pair in pairs for node in pair if isinstance(node, int)}
    found = clique({*pairs, *permutations(taken, 2)}, rooms + 1)
    apart = sorted(min(pairs[both], pairs[both[::-1]]) for both in combinations(found, 2) if both in pairs)
    ways = [graph.way(person, graph.home(person)) for person in sorted({it for pair in apart for it in pair})]
    if found:
        people = tuple(sorted({it for way in ways for it in _people(way)}))
        alone = all(len(way) == 1 for way in ways)
        yield Conflict(people, _why_too_many(constraints, people, apart, ways), is_minimal=alone)


def _why_too_many(
    constraints: Constraints, people: tuple[str, ...], apart: list[tuple[str, str]], ways: list[list[Node]]
) -> str:
    """Say why they need too many rooms: rule by rule where these are few, and not plain."""
    rooms = f"there {'is' if len(constraints.rooms) == 1 else 'are'} only {count(len(constraints.rooms), 'room')}"
    links = [reason for way in ways for reason in _links(constraints, way)]
    reasons = list(dict.fromkeys([f"{one} must be apart from {other}" for one, other in apart] + links))
    if not links:
        return f"{listed(people)} must be apart, but {rooms}"
    if len(reasons) > MOST_REASONS:
        return f"{listed(people)} need more rooms of their own than there are, because {rooms}"
    return f"{listed(reasons)}, but {rooms}"


def _reasons(constraints: Constraints, way: list[Node]) -> str:
    return listed(_links(constraints, way))


def _links(constraints: Constraints, way: list[Node]) -> list[str]:
    """Say why each on the way must be where the one before is."""
    words = []
    for one, other in pairwise(way):
        person, where = (other, one) if isinstance(one, int) else (one, other)
        words.append(
            f"{person} is pinned to {constraints.names[where]}"
            if isinstance(where, int)
            else f"{person} must be together with {where}"
        )
    return words


def _people(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(sorted(node for node in nodes if isinstance(node, str)))
