"""Who must be in one place: people who must be together, and people who are pinned to one room."""

from collections import deque
from collections.abc import Iterator

from orchestrator.domain.constraints import Constraints
from orchestrator.domain.rules import units

Node = str | int
"""A person, or the index of a room."""


class Togetherness:
    """A graph of people and rooms: neighbours are two of one list, and a person and the room of their pin."""

    def __init__(self, constraints: Constraints) -> None:
        lists = constraints.rules.among(constraints.everybody).together
        self._rooms = [room.pinned for room in constraints.rooms]
        self._pins = constraints.pins
        self._lists = lists
        self._lists_of: dict[str, list[int]] = {}
        for index, names in enumerate(lists):
            for name in names:
                self._lists_of.setdefault(name, []).append(index)
        self.units = [unit for unit in units((), lists) if len(unit) > 1]
        """People who must be together by the lists alone."""
        self._home: dict[str, Node] = {name: unit[0] for unit in self.units for name in unit}
        for unit in self.units:
            for room in (self._pins[name] for name in reversed(unit) if name in self._pins):
                self._home |= dict.fromkeys(unit, room)

    def home(self, person: str) -> Node:
        """Return what all have in common who must be where this person is: the room, or else the first of them."""
        return self._home.get(person, self._pins.get(person, person))

    def share_a_list(self, one: str, other: str) -> bool:
        """Return whether a list says itself that these two must be together."""
        return not set(self._lists_of.get(one, ())).isdisjoint(self._lists_of.get(other, ()))

    def reached(self, start: Node) -> dict[Node, Node]:
        """Return who must be where `start` is, the nearest first, each with the neighbour that leads there."""
        came: dict[Node, Node] = {start: start}
        waiting, read = deque([start]), set[int]()
        while waiting:
            node = waiting.popleft()
            for other in self._neighbours(node, read):
                if other not in came:
                    came[other] = node
                    waiting.append(other)
        return came

    def way(self, start: Node, end: Node) -> list[Node]:
        """Return the shortest way between two that must be in one place."""
        came = self.reached(start)
        way = [end]
        while way[-1] != start:
            way.append(came[way[-1]])
        return way[::-1]

    def other_room(self, room: int) -> int | None:
        """Return the nearest other room whose people must be in this one."""
        return next((node for node in self.reached(room) if isinstance(node, int) and node != room), None)

    def _neighbours(self, node: Node, read: set[int]) -> Iterator[Node]:
        """Yield the neighbours of a node, without those of lists that were read before."""
        if isinstance(node, int):
            yield from self._rooms[node]
            return
        for index in self._lists_of.get(node, ()):
            if index not in read:
                read.add(index)
                yield from self._lists[index]
        if node in self._pins:
            yield self._pins[node]
