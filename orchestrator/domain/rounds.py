"""Rounds: each is dealt so that as few people as possible meet again whom the rounds before have brought together.

A round is dealt when it starts, among those who are there by then, against who has really met. So it is a function of
the seed, the people, the rules and what has been; the rounds to come play no part in it.
"""

import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, islice

from orchestrator.domain.distribution import RoomSpec, shuffled
from orchestrator.domain.exchange import UNEVEN, Search, Unit
from orchestrator.domain.patterns import circle, shifts
from orchestrator.domain.rules import Rules, units
from orchestrator.domain.table import Dealt, Table

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


def deal_round(
    people: Iterable[str],
    rooms: Sequence[RoomSpec],
    seed: int,
    met: Met,
    rules: Rules = NO_RULES,
    *,
    rounds: int = 10,
) -> Dealt:
    """Deal the next round of a series of so many `rounds` among people who may have met.

    Pinned people stay where they are pinned. The sizes are as even as pins, limits and rules allow, and then as few
    pairs as possible meet again. Those who must be together are not counted as such. Rules that contradict each other
    are broken somewhere. Without rooms nobody has a place.
    """
    if not rooms:
        return Dealt([], sorted(people), NO_RULES)
    table = Table(people, rooms, rules)
    # A round that is forgotten must not come again just as it was.
    luck = random.Random(seed + met.forgotten)  # noqa: S311 - must be repeatable, and guards nothing
    order, order_of_rooms = shuffled(range(len(table.units)), luck), shuffled(range(len(rooms)), luck)
    pattern, again = _best_pattern(table, order, met)
    in_pattern = dict(zip(order_of_rooms, pattern, strict=False))
    if pattern and not again:
        return table.seated({unit: room for room, group in in_pattern.items() for unit in group}, order)
    aversions = table.aversions((pair, AGAIN + times) for pair, times in met.times.items() if times)
    starts = [table.placed(aversions, order, order_of_rooms)]
    if pattern:
        starts.append(table.arranged(aversions, in_pattern))
    start = min(starts, key=lambda start: start.cost)
    pinned = table.arranged(aversions, {})
    least = table.least_unevenness(sum(start.sizes)) + pinned.cost - UNEVEN * sum(size**2 for size in pinned.sizes)
    found = Search(start, least, luck, max(LEAST_WORK, WORK // rounds)).run()
    return table.seated(dict(enumerate(found)), order)


def repeated_pairs(rounds: Iterable[Groups], together: Iterable[Sequence[str]] = ()) -> int:
    """Return how many pairs meet more than once. Those who must be together are not counted.

    Whom somebody has met are the bits of one number, because rooms of thousands have more pairs than fit into memory.
    """
    bit_of: dict[str, int] = {}
    met: defaultdict[str, int] = defaultdict(int)
    again: defaultdict[str, int] = defaultdict(int)
    for group in chain.from_iterable(rounds):
        bits = sum(bit_of.setdefault(person, 1 << len(bit_of)) for person in set(group))
        for person in group:
            again[person] |= met[person] & bits
            met[person] |= bits
    for unit in units((), together):
        bits = sum(bit_of.get(person, 0) for person in unit)
        for person in unit:
            again[person] &= ~bits
    return sum((bits & ~bit_of.get(person, 0)).bit_count() for person, bits in again.items()) // 2


def _pairs(groups: Groups) -> Iterator[tuple[str, str]]:
    return chain.from_iterable(combinations(sorted(group), 2) for group in groups)


def _best_pattern(table: Table, order: Sequence[int], met: Met) -> tuple[list[list[int]], int]:
    """Return the groups of the best pattern and how often pairs meet again in it; no groups where none fits.

    As many are tried as there have been rounds, and one more, which comes first: the rounds before have used the others
    if the people are still the same.
    """
    best: list[list[int]] = []
    least = 0
    for pattern in reversed(list(islice(_patterns(table), met.rounds + 1))):
        groups = [[order[position] for position in group] for group in pattern]
        names = [[person for unit in group for person in table.units[unit]] for group in groups]
        again = sum(met.times.get(pair, 0) for pair in _pairs(names)) if met.times else 0
        if not best or again < least:
            best, least = groups, again
        if not least:
            break
    return best, least


def _patterns(table: Table) -> Iterator[list[list[int]]]:
    """Yield the patterns that fit, which they do only where nothing but the number of the people decides."""
    count, rooms = len(table.units), len(table.rooms)
    largest = -(-count // rooms)
    plain = not table.rules and all(facts == Unit() for facts in table.facts)
    if plain and largest > 1 and all(limit is None or limit >= largest for limit in table.limits):
        yield from circle(count) if rooms == (count + 1) // 2 else shifts(count, rooms)
