"""Dissolving rooms in which too few people are into the others."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Filled:
    """A room, who belongs there, and who of them is there."""

    people: tuple[str, ...]
    present: frozenset[str] = frozenset()
    max_participants: int | None = None


@dataclass(frozen=True)
class Move:
    """Somebody who goes from one room to another, by the rooms' indexes."""

    person: str
    from_room: int
    to_room: int


@dataclass(frozen=True)
class Rebalanced:
    """What is to be done with some rooms, by their indexes."""

    dissolved: list[int] = field(default_factory=list)
    """In the order in which they are dissolved."""
    moves: list[Move] = field(default_factory=list)
    """From where each person is before to where they are in the end."""
    without_place: list[int] = field(default_factory=list)
    """Rooms that stay because their people find no place."""


class _Standing:
    """A room while others are dissolved into it."""

    def __init__(self, index: int, room: Filled) -> None:
        self.index = index
        self.limit = room.max_participants
        present = [person for person in room.people if person in room.present]
        self.people = present + [person for person in room.people if person not in room.present]
        self.there = len(present)

    @property
    def fill(self) -> tuple[int, int, int]:
        """How filled it is: by those who are there, then by those who belong there; the first room comes first."""
        return self.there, len(self.people), self.index

    @property
    def has_place(self) -> bool:
        """Whether it takes one more person."""
        return self.limit is None or len(self.people) < self.limit


def rebalance(rooms: Sequence[Filled], min_room_size: int) -> Rebalanced:
    """Dissolve each room with fewer people present than that, the smallest first, counting anew after each.

    Its people, those who are there before the others, go one by one to the least filled of the other rooms. A room
    whose people find no place there stays as it is. So does the last room.
    """
    done = Rebalanced()
    came_from = {person: index for index, room in enumerate(rooms) for person in room.people}
    present = frozenset().union(*(room.present for room in rooms)) & came_from.keys()
    standing = {index: _Standing(index, room) for index, room in enumerate(rooms)}
    tried: set[int] = set()
    while len(standing) > 1:
        small = [it for it in standing.values() if it.there < min_room_size and it.index not in tried]
        if not small:
            break
        smallest = min(small, key=lambda room: room.fill)
        tried.add(smallest.index)
        others = [room for room in standing.values() if room is not smallest]
        if not _has_places(others, len(smallest.people)):
            done.without_place.append(smallest.index)
            continue
        del standing[smallest.index]
        done.dissolved.append(smallest.index)
        _pour(smallest.people, others, present)
    moved = {person: room.index for room in standing.values() for person in room.people}
    done.moves.extend(
        Move(person, came_from[person], moved[person])
        for index in done.dissolved
        for person in rooms[index].people
        if moved[person] != came_from[person]
    )
    return done


def _has_places(rooms: Sequence[_Standing], people: int) -> bool:
    free = 0
    for room in rooms:
        if room.limit is None:
            return True
        free += max(0, room.limit - len(room.people))
    return free >= people


def _pour(people: Sequence[str], rooms: Sequence[_Standing], present: frozenset[str]) -> None:
    """Put people one by one into the least filled room that has a place. Not more people than there are places."""
    heap = [(room.fill, room) for room in rooms if room.has_place]
    heapq.heapify(heap)
    for person in people:
        _, room = heap[0]
        room.people.append(person)
        room.there += person in present
        if room.has_place:
            heapq.heapreplace(heap, (room.fill, room))
        else:
            heapq.heappop(heap)
