"""Rounds: each is dealt so that as few people as possible meet again whom the rounds before have brought together.

A round is dealt when it starts, among those who are there by then, against who has really met. So it is a function of
the seed, the people, the rules and what has been; the rounds to come play no part in it.
"""

import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice

from orchestrator.domain.distribution import RoomNow, RoomSpec, redistribute, shuffled
from orchestrator.domain.exchange import APART, NOWHERE, UNEVEN, Arrangement, Search, Unit
from orchestrator.domain.patterns import circle, shifts
from orchestrator.domain.rules import Rules, broken, units

Groups = Sequence[Sequence[str]]
"""The people of each room in one round."""
NO_RULES = Rules()
AGAIN = 10**4
"""What it costs that a pair meets again; each time that it has met before costs 1 besides."""
WORK = 2_000_000
"""How many steps the search of all rounds of a series may look at, which takes about a second."""
LEAST_WORK = 20_000
"""How many of these each round has at least."""
MOST_MEETINGS = 200_000
"""How many meetings of pairs are remembered, which keeps a round of the largest rooms under a second.

Of a longer history the latest rounds count. In rooms as large as that hardly anything else is left than to meet again.
"""


class Met:
    """How often each two people have met in the rounds so far."""

    def __init__(self, rounds: Iterable[Groups] = ()) -> None:
        self.times: Counter[tuple[str, str]] = Counter()
        self.rounds = 0
        self.forgotten = 0
        """How many of these rounds are not remembered."""
        self._remembered: deque[tuple[Groups, int]] = deque()
        self._left = MOST_MEETINGS
        for groups in rounds:
            self.add(groups)

    def add(self, groups: Groups) -> None:
        """Add a round."""
        size = sum(len(group) * (len(group) - 1) // 2 for group in groups)
        while self._left < size and self._remembered:
            earliest, freed = self._remembered.popleft()
            self.times.subtract(_pairs(earliest))
            self._left += freed
            self.forgotten += 1
        if size <= self._left:
            self.times.update(_pairs(groups))
            self._remembered.append((groups, size))
            self._left -= size
        else:
            self.forgotten += 1
        self.rounds += 1


@dataclass(frozen=True)
class Round:
    """One round: the people of each room, who found no place, and the rules that could not be kept."""

    groups: list[list[str]]
    left: list[str]
    broken: Rules


def deal_round(
    people: Iterable[str],
    rooms: Sequence[RoomSpec],
    seed: int,
    met: Met,
    rules: Rules = NO_RULES,
    *,
    rounds: int = 10,
) -> Round:
    """Deal the next round of a series of so many `rounds` among people who may have met.

    Pinned people stay where they are pinned. The sizes are as even as pins, limits and rules allow, and then as few
    pairs as possible meet again. Those who must be together are not counted as such. Rules that contradict each other
    are broken somewhere.
    """
    table = _Table(set(people), rooms, rules, met)
    # A round that is forgotten must not come again just as it was.
    luck = random.Random(seed + met.forgotten)  # noqa: S311 - must be repeatable, and guards nothing
    order, order_of_rooms = shuffled(range(len(table.units)), luck), shuffled(range(len(rooms)), luck)
    pattern, cost = table.best_pattern(order)
    in_pattern = dict(zip(order_of_rooms, pattern, strict=False))
    if pattern and not cost:
        room_of = {unit: room for room, group in in_pattern.items() for unit in group}
        return table.seated(room_of, order)
    starts = [table.placed(order, order_of_rooms)]
    if pattern:
        starts.append(table.arranged(in_pattern))
    start = min(starts, key=lambda start: start.cost)
    found = Search(start, table.least_cost(start), luck, max(LEAST_WORK, WORK // rounds)).run()
    return table.seated(dict(enumerate(found)), order)


def repeated_pairs(rounds: Iterable[Groups], together: Iterable[Sequence[str]] = ()) -> int:
    """Return how many pairs meet more than once. Those who must be together are not counted."""
    times: Counter[tuple[str, str]] = Counter(chain.from_iterable(map(_pairs, rounds)))
    unit_of = {person: number for number, unit in enumerate(units((), together)) for person in unit}
    again = (pair for pair, count in times.items() if count > 1)
    return sum(one not in unit_of or unit_of[one] != unit_of.get(other) for one, other in again)


def _pairs(groups: Groups) -> Iterator[tuple[str, str]]:
    return chain.from_iterable(combinations(sorted(group), 2) for group in groups)


class _Table:
    """The people of a round as units that sit together, in an order that depends on their names alone."""

    def __init__(self, people: set[str], rooms: Sequence[RoomSpec], rules: Rules, met: Met) -> None:
        self.rooms, self.met = rooms, met
        pinned = {person: index for index, room in enumerate(rooms) for person in room.pinned}
        self.rules = rules.among(people | set(pinned))
        self.units = units(people | set(pinned), self.rules.together)
        self.facts = [Unit(len(unit), next((pinned[it] for it in unit if it in pinned), None)) for unit in self.units]
        self.limits = [room.max_participants for room in rooms]
        self._aversions: list[dict[int, int]] | None = None

    def best_pattern(self, order: Sequence[int]) -> tuple[list[list[int]], int]:
        """Return the groups of the best pattern and how often pairs meet again in it; no groups where none fits.

        As many are tried as there have been rounds, and one more, which comes first: the rounds before have used the
        others if the people are still the same.
        """
        best: list[list[int]] = []
        least = 0
        for pattern in reversed(list(islice(self._patterns(), self.met.rounds + 1))):
            groups = [[order[position] for position in group] for group in pattern]
            times = sum(self.met.times.get(pair, 0) for pair in _pairs(self._names(groups)))
            if not best or times < least:
                best, least = groups, times
            if not least:
                break
        return best, least

    def _names(self, groups: Sequence[Sequence[int]]) -> list[list[str]]:
        return [[person for unit in group for person in self.units[unit]] for group in groups]

    def _patterns(self) -> Iterator[list[list[int]]]:
        """Yield the patterns that fit, which they do only where nothing but the number of the people decides."""
        count, rooms = len(self.units), len(self.rooms)
        largest = -(-count // rooms)
        plain = not self.rules and all(facts == Unit() for facts in self.facts)
        if plain and largest > 1 and all(limit is None or limit >= largest for limit in self.limits):
            yield from circle(count) if rooms == (count + 1) // 2 else shifts(count, rooms)

    def arranged(self, groups: Mapping[int, Sequence[int]]) -> Arrangement:
        """Return the arrangement of these units, by room, and of those who are pinned."""
        if self._aversions is None:
            self._aversions = self._averse()
        arrangement = Arrangement(self.facts, self.limits, self._aversions)
        for unit, facts in enumerate(self.facts):
            if facts.pinned is not None:
                arrangement.put(unit, facts.pinned)
        for room, group in groups.items():
            for unit in group:
                arrangement.put(unit, room)
        return arrangement

    def placed(self, order: Sequence[int], order_of_rooms: Sequence[int]) -> Arrangement:
        """Return the arrangement in which units have gone to the best place one by one, the most difficult first."""
        arrangement = self.arranged({})
        rules = [sum(cost >= APART for cost in averse.values()) for averse in arrangement.aversions]
        free = [unit for unit in order if self.facts[unit].pinned is None]
        arrangement.place(sorted(free, key=lambda unit: (-self.facts[unit].size, -rules[unit])), order_of_rooms)
        return arrangement

    def _averse(self) -> list[dict[int, int]]:
        """Return what it costs that two units are in one room."""
        unit_of = {person: number for number, unit in enumerate(self.units) for person in unit}
        costs: list[dict[int, int]] = [{} for _ in self.units]
        again = ((pair, AGAIN + times) for pair, times in self.met.times.items() if times)
        for (one, other), cost in chain(again, ((pair, APART) for pair in self.rules.apart_pairs())):
            first, second = unit_of.get(one), unit_of.get(other)
            if first is not None and second is not None and first != second:
                costs[first][second] = costs[second][first] = costs[first].get(second, 0) + cost
        return costs

    def least_cost(self, start: Arrangement) -> int:
        """Return what each arrangement of the same units costs at least: all rooms even, and who is pinned together."""
        pinned = self.arranged({})
        unevenness = UNEVEN * sum(size * size for size in pinned.sizes)
        free = sum(start.sizes) - sum(pinned.sizes)
        now = [RoomNow(size, limit) for size, limit in zip(pinned.sizes, self.limits, strict=True)]
        more = Counter(redistribute(map(str, range(free)), now).values())
        return pinned.cost - unevenness + UNEVEN * sum((it.people + more[room]) ** 2 for room, it in enumerate(now))

    def seated(self, room_of: Mapping[int, int], order: Sequence[int]) -> Round:
        """Return the people of each room, those who are pinned first, the others in the seed's order.

        Those of a unit for which no room has places enough are seated one by one.
        """
        groups = [list(room.pinned) for room in self.rooms]
        pinned = set(chain(*groups))
        nowhere: list[str] = []
        for unit in order:
            room = room_of.get(unit, NOWHERE)
            (nowhere if room == NOWHERE else groups[room]).extend(it for it in self.units[unit] if it not in pinned)
        now = [RoomNow(len(group), limit) for group, limit in zip(groups, self.limits, strict=True)]
        placed = redistribute(nowhere, now)
        for person, index in placed.items():
            if index is not None:
                groups[index].append(person)
        left = [person for person, index in placed.items() if index is None]
        return Round(groups, left, broken(self.rules, groups))
