"""Groups that are improved step by step: units of people change places until nothing that matters is left to gain.

What counts, from the weightiest: people who must be apart, how even the rooms are, and pairs of people who had better
not meet (`aversions`). This is a tabu search: a unit in trouble takes the best place there is, even a worse one than
its own, and does not go back for some steps. The steps are counted and not timed, so that the result is a function of
the input alone.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

APART = 10**15
"""What it costs that two people who must be apart are in one room."""
UNEVEN = 10**9
"""What each unit of the sum of the squared sizes costs, which is least when the rooms are even."""
NOWHERE = -1
LEAST_PER_STEP = 20
"""What a step counts besides the exchanges that it looks at, so that few people do not take long either."""


@dataclass(frozen=True)
class Unit:
    """People who sit together: how many, and the room that they are pinned to, if any."""

    size: int = 1
    pinned: int | None = None


class Arrangement:
    """Units in rooms. `aversions[u][v]` is what it costs that the units u and v are in one room."""

    def __init__(
        self, units: Sequence[Unit], limits: Sequence[int | None], aversions: Sequence[Mapping[int, int]]
    ) -> None:
        self.units, self.limits, self.aversions = units, limits, aversions
        self.room_of = [NOWHERE] * len(units)
        self.members: list[set[int]] = [set() for _ in limits]
        self.sizes = [0] * len(limits)
        self.costs = [[0] * len(units) for _ in limits]
        """What it costs, by room and unit, that the unit is with those who are in the room."""
        self.cost = 0

    def put(self, unit: int, room: int) -> None:
        """Put a unit that is nowhere into a room."""
        size = self.units[unit].size
        self.cost += self.costs[room][unit] + UNEVEN * size * (2 * self.sizes[room] + size)
        self.room_of[unit] = room
        self.members[room].add(unit)
        self.sizes[room] += size
        costs = self.costs[room]
        for other, cost in self.aversions[unit].items():
            costs[other] += cost

    def take(self, unit: int) -> None:
        """Take a unit out of its room."""
        room, size = self.room_of[unit], self.units[unit].size
        self.room_of[unit] = NOWHERE
        self.members[room].remove(unit)
        self.sizes[room] -= size
        costs = self.costs[room]
        for other, cost in self.aversions[unit].items():
            costs[other] -= cost
        self.cost -= costs[unit] + UNEVEN * size * (2 * self.sizes[room] + size)

    def takes(self, room: int, more: int) -> bool:
        """Return whether the limit of the room allows so many more people."""
        limit = self.limits[room]
        return limit is None or self.sizes[room] + more <= limit

    def place(self, order: Sequence[int], rooms: Sequence[int]) -> list[int]:
        """Put each unit into the least filled room, and of these into the best one. Returns the units without a place.

        `rooms` breaks ties. A unit that must be apart from somebody in each of them takes a fuller one.
        """
        left = []
        for unit in order:
            size = self.units[unit].size
            best = min(
                (room for room in rooms if self.takes(room, size)),
                key=lambda room: (self.costs[room][unit] // APART, self.sizes[room], self.costs[room][unit]),
                default=None,
            )
            if best is None:
                left.append(unit)
            else:
                self.put(unit, best)
        return left


@dataclass(frozen=True)
class _Step:
    gain: int
    room: int
    other: int | None = None
    """The unit that comes in exchange; None: the unit goes alone."""


class Search:
    """A tabu search over an arrangement; `work` is how many exchanges may be looked at."""

    def __init__(self, arrangement: Arrangement, least: int, luck: random.Random, work: int) -> None:
        self._now, self._least, self._luck, self._work = arrangement, least, luck, work
        self._movable = [
            unit
            for unit, facts in enumerate(arrangement.units)
            if facts.pinned is None and arrangement.room_of[unit] != NOWHERE
        ]
        self._tabu: dict[tuple[int, int], int] = {}
        self._best = arrangement.cost
        self._best_rooms = list(arrangement.room_of)

    def run(self) -> list[int]:
        """Search until the cost is the least there can be, or the work is done. Returns the best room of each unit."""
        number = 0
        while self._best > self._least and self._work > 0 and (unit := self._in_trouble()) is not None:
            number += 1
            step = self._best_step(unit, number)
            if step is not None:
                self._take(unit, step, number)
            if self._now.cost < self._best:
                self._best, self._best_rooms = self._now.cost, list(self._now.room_of)
        return self._best_rooms

    def _in_trouble(self) -> int | None:
        """Return one of the units that cost something where they are; without such, one of the fullest rooms."""
        now = self._now
        self._work -= LEAST_PER_STEP + len(self._movable)
        troubled = [unit for unit in self._movable if now.costs[now.room_of[unit]][unit]]
        if not troubled:
            fullest = max((now.sizes[now.room_of[unit]] for unit in self._movable), default=0)
            troubled = [unit for unit in self._movable if now.sizes[now.room_of[unit]] == fullest]
        return troubled[int(self._luck.random() * len(troubled))] if troubled else None

    def _best_step(self, unit: int, number: int) -> _Step | None:
        """Return the step that gains most; a forbidden one only if it leads to the best that was ever seen."""
        now, best, ties = self._now, None, 0
        self._work -= len(self._movable)
        aspired = now.cost - self._best
        for step in self._steps(unit):
            if best is not None and step[0] < best[0]:
                continue
            gain, room, other = step
            if gain <= aspired and self._is_tabu(unit, room, other, number):
                continue
            ties = 1 if best is None or gain > best[0] else ties + 1
            if ties == 1 or self._luck.random() * ties < 1:
                best = step
        return None if best is None else _Step(*best)

    def _steps(self, unit: int) -> list[tuple[int, int, int | None]]:
        """Return each step of a unit: gain, room, and the unit that comes in exchange."""
        now, mine, size = self._now, self._now.room_of[unit], self._now.units[unit].size
        home, averse = now.costs[mine], now.aversions[unit]
        steps: list[tuple[int, int, int | None]] = []
        for room, members in enumerate(now.members):
            if room == mine:
                continue
            costs = now.costs[room]
            here = home[unit] - costs[unit]
            if now.takes(room, size):
                steps.append((here - self._uneven(size, mine, room), room, None))
            for other in members:
                facts = now.units[other]
                if facts.pinned is not None:
                    continue
                gain = here + costs[other] - home[other]
                if other in averse:
                    gain += 2 * averse[other]
                more = size - facts.size
                if more:
                    if not (now.takes(room, more) and now.takes(mine, -more)):
                        continue
                    gain -= self._uneven(more, mine, room)
                steps.append((gain, room, other))
        return steps

    def _uneven(self, more: int, home: int, room: int) -> int:
        """Return what it costs in evenness that so many more people are in the room instead of at home."""
        return 2 * UNEVEN * more * (self._now.sizes[room] - self._now.sizes[home] + more)

    def _is_tabu(self, unit: int, room: int, other: int | None, number: int) -> bool:
        back = self._tabu.get((unit, room), 0) >= number
        return back or (other is not None and self._tabu.get((other, self._now.room_of[unit]), 0) >= number)

    def _take(self, unit: int, step: _Step, number: int) -> None:
        now, home = self._now, self._now.room_of[unit]
        now.take(unit)
        if step.other is not None:
            now.take(step.other)
            now.put(step.other, home)
            self._tabu[step.other, step.room] = number + 5 + int(self._luck.random() * 10)
        now.put(unit, step.room)
        self._tabu[unit, home] = number + 5 + int(self._luck.random() * 10)
