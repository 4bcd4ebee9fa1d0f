"""The people of a deal as units that sit together, and the arrangements of these units in rooms."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from orchestrator.domain.distribution import RoomNow, RoomSpec, redistribute
from orchestrator.domain.exchange import APART, NOWHERE, UNEVEN, Arrangement, Unit
from orchestrator.domain.rules import Rules, broken, units

Aversions = Sequence[Mapping[int, int]]
"""By unit, what it costs to be in one room with each other one; those that cost nothing are not in it."""


@dataclass(frozen=True)
class Dealt:
    """The people of each room, who found no place, and the rules that could not be kept."""

    groups: list[list[str]]
    left: list[str]
    broken: Rules


class Table:
    """Units of people, in an order that depends on their names alone."""

    def __init__(self, people: Iterable[str], rooms: Sequence[RoomSpec], rules: Rules) -> None:
        self.rooms = rooms
        self.pins = {person: index for index, room in enumerate(rooms) for person in room.pinned}
        everybody = set(people) | set(self.pins)
        self.rules = rules.among(everybody)
        self.units = units(everybody, self.rules.together)
        self.facts = [
            Unit(len(unit), next((self.pins[it] for it in unit if it in self.pins), None)) for unit in self.units
        ]
        self.unit_of = {person: number for number, unit in enumerate(self.units) for person in unit}
        self.limits = [room.max_participants for room in rooms]

    def aversions(self, costs: Iterable[tuple[tuple[str, str], int]]) -> list[dict[int, int]]:
        """Return what it costs that two units are in one room: for those who must be apart, and for these pairs."""
        found: list[dict[int, int]] = [{} for _ in self.units]
        for (one, other), cost in chain(costs, ((pair, APART) for pair in self.rules.apart_pairs())):
            first, second = self.unit_of.get(one), self.unit_of.get(other)
            if first is not None and second is not None and first != second:
                found[first][second] = found[second][first] = found[first].get(second, 0) + cost
        return found

    def arranged(self, aversions: Aversions, groups: Mapping[int, Sequence[int]]) -> Arrangement:
        """Return the arrangement of these units, by room, and of those who are pinned."""
        arrangement = Arrangement(self.facts, self.limits, aversions)
        for unit, facts in enumerate(self.facts):
            if facts.pinned is not None:
                arrangement.put(unit, facts.pinned)
        for room, group in groups.items():
            for unit in group:
                arrangement.put(unit, room)
        return arrangement

    def homes(self, groups: Sequence[Sequence[str]]) -> dict[int, int]:
        """Return the room in which most people of each unit that is not pinned are, of these groups by room."""
        there: defaultdict[int, Counter[int]] = defaultdict(Counter)
        for room, group in enumerate(groups):
            for person in group:
                unit = self.unit_of.get(person)
                if unit is not None and self.facts[unit].pinned is None:
                    there[unit][room] += 1
        return {unit: rooms.most_common(1)[0][0] for unit, rooms in there.items()}

    def placed(
        self,
        aversions: Aversions,
        order: Sequence[int],
        order_of_rooms: Sequence[int],
        homes: Mapping[int, int] = MappingProxyType({}),
    ) -> Arrangement:
        """Return the arrangement in which units have gone to the best place one by one, the most difficult first.

        Before, units with a home go there, as long as it takes them.
        """
        arrangement = self.arranged(aversions, {})
        rules = [sum(cost >= APART for cost in averse.values()) for averse in aversions]
        free = [unit for unit in order if self.facts[unit].pinned is None]
        difficult_first = sorted(free, key=lambda unit: (-self.facts[unit].size, -rules[unit]))
        for unit in difficult_first:
            if unit in homes and arrangement.takes(homes[unit], self.facts[unit].size):
                arrangement.put(unit, homes[unit])
        arrangement.place([it for it in difficult_first if arrangement.room_of[it] == NOWHERE], order_of_rooms)
        return arrangement

    def even_sizes(self, people: int) -> list[int]:
        """Return the sizes of the rooms that are as even as pins and limits allow, if so many are seated one by one."""
        pinned = Counter(facts.pinned for facts in self.facts for _ in range(facts.size))
        now = [RoomNow(pinned[room], limit) for room, limit in enumerate(self.limits)]
        more = Counter(redistribute(map(str, range(people - sum(room.people for room in now))), now).values())
        return [room.people + more[index] for index, room in enumerate(now)]

    def least_unevenness(self, people: int) -> int:
        """Return what the sizes of the rooms cost at least in an arrangement of so many people."""
        return UNEVEN * sum(size * size for size in self.even_sizes(people))

    def seated(self, room_of: Mapping[int, int], order: Sequence[int]) -> Dealt:
        """Return the people of each room, those who are pinned first, the others in this order of units.

        Those of a unit for which no room has places enough are seated one by one.
        """
        groups = [list(room.pinned) for room in self.rooms]
        nowhere: list[str] = []
        for unit in order:
            room = room_of.get(unit, NOWHERE)
            (nowhere if room == NOWHERE else groups[room]).extend(it for it in self.units[unit] if it not in self.pins)
        now = [RoomNow(len(group), limit) for group, limit in zip(groups, self.limits, strict=True)]
        placed = redistribute(nowhere, now)
        for person, index in placed.items():
            if index is not None:
                groups[index].append(person)
        left = [person for person, index in placed.items() if index is None]
        return Dealt(groups, left, broken(self.rules, groups))
