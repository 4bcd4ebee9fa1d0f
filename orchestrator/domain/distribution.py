"""Who sits where: a seeded shuffle, dealt evenly.

With any seed every person has the same chance of every room, and sizes differ by at most one. The same people get the
same groups in whatever order they were registered. RealtimeKit's own split cuts the list into runs of ceil(n/k), which
leaves rooms empty: 9 people in 4 rooms become 3, 3, 3, 0 there, and 3, 2, 2, 2 here.
"""

import heapq
import random
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class Impossible(ValueError):
    """The people can't be distributed like this. The message is a sentence that says why."""


@dataclass(frozen=True)
class RoomSpec:
    """A room to be filled: the people who must be in it, and how many it takes (None: any number)."""

    pinned: tuple[str, ...] = ()
    max_participants: int | None = None


@dataclass(frozen=True)
class RoomNow:
    """A room that exists: how many people it has, and how many it takes (None: any number)."""

    people: int
    max_participants: int | None = None
    there: int | None = None
    """How many are in it by now, which goes before how many belong there; None: that does not count."""

    @property
    def has_place(self) -> bool:
        """Whether the room takes one more person."""
        return self.max_participants is None or self.people < self.max_participants


def random_seed() -> int:
    """Return a seed that JSON, JavaScript and a 32-bit column all keep exactly."""
    return secrets.randbelow(2**31)


def distribute(people: Iterable[str], rooms: Sequence[RoomSpec], seed: int) -> list[list[str]]:
    """Return the people of each room, as `deal` does. Raises Impossible when somebody finds no place."""
    others = set(people) - pinned_people(rooms)
    check_places(len(others), rooms)
    return deal(others, rooms, seed)[0]


def deal(people: Iterable[str], rooms: Sequence[RoomSpec], seed: int) -> tuple[list[list[str]], list[str]]:
    """Return the people of each room, pinned people first, and the people for whom there is no place.

    Pinned people stay where they are pinned. The others even the sizes out as far as that and the limits allow. The
    seed also decides which rooms get one more than others.
    """
    others = set(people) - pinned_people(rooms)
    luck = random.Random(seed)  # noqa: S311 - must be repeatable, and guards nothing
    now = [RoomNow(len(room.pinned), room.max_participants) for room in rooms]
    places = _places(now, shuffled(range(len(rooms)), luck))
    groups = [list(room.pinned) for room in rooms]
    left: list[str] = []
    for person in shuffled(sorted(others), luck):
        index = next(places, None)
        (left if index is None else groups[index]).append(person)
    return groups, left


def deal_further(people: Iterable[str], rooms: Sequence[RoomNow], seed: int) -> dict[str, int | None]:
    """Deal people into rooms that have people already. Return the room index of each, or None without a place.

    The seed decides the order of the people, and which of two rooms that are filled alike is first. In whatever order
    they came, the result is the same.
    """
    luck = random.Random(seed)  # noqa: S311 - must be repeatable, and guards nothing
    places = _places(rooms, shuffled(range(len(rooms)), luck))
    return {person: next(places, None) for person in shuffled(sorted(set(people)), luck)}


def redistribute(people: Iterable[str], rooms: Sequence[RoomNow]) -> dict[str, int | None]:
    """Put the people one by one into the least filled room. Return the room index of each, or None without a place."""
    places = _places(rooms, range(len(rooms)))
    return {person: next(places, None) for person in people}


def _places(rooms: Sequence[RoomNow], order: Iterable[int]) -> Iterator[int]:
    """Yield the index of the least filled room for each next person, until all are full; `order` breaks ties."""
    heap = [
        (room.people if room.there is None else room.there, room.people, rank, index)
        for rank, index in enumerate(order)
        if (room := rooms[index]).has_place
    ]
    heapq.heapify(heap)
    while heap:
        there, people, rank, index = heap[0]
        yield index
        limit = rooms[index].max_participants
        if limit is None or people + 1 < limit:
            heapq.heapreplace(heap, (there + 1, people + 1, rank, index))
        else:
            heapq.heappop(heap)


def pinned_people(rooms: Sequence[RoomSpec]) -> set[str]:
    """Return who is pinned. Raises Impossible for somebody who is pinned more than once."""
    counts = Counter(person for room in rooms for person in room.pinned)
    if twice := sorted(person for person, count in counts.items() if count > 1):
        raise Impossible(f"Pinned more than once: {', '.join(twice)}.")
    return set(counts)


def check_places(people: int, rooms: Sequence[RoomSpec]) -> None:
    """Raise Impossible when the rooms have no place for so many people besides those who are pinned."""
    if not rooms:
        raise Impossible("There must be at least one room.")
    for number, room in enumerate(rooms, 1):
        if room.max_participants is not None and len(room.pinned) > room.max_participants:
            raise Impossible(
                f"Room {number} takes at most {room.max_participants}, but {len(room.pinned)} are pinned to it."
            )
    if any(room.max_participants is None for room in rooms):
        return
    places = sum((room.max_participants or 0) - len(room.pinned) for room in rooms)
    if people > places:
        raise Impossible(f"The rooms' limits leave {places} places for {people} people.")


def shuffled(items: Iterable[T], luck: random.Random) -> list[T]:
    """Shuffle by Fisher-Yates on `random()`, the one method whose numbers Python documents to stay the same.

    `shuffle` has no such promise, and a stored seed must give the same groups after an upgrade of Python.
    """
    dealt = list(items)
    for last in range(len(dealt) - 1, 0, -1):
        other = int(luck.random() * (last + 1))
        dealt[last], dealt[other] = dealt[other], dealt[last]
    return dealt
