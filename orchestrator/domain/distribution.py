"""Who sits where: a seeded shuffle, dealt evenly.

Any seed gives every person the same chance of every room, sizes that differ by at most one, and the same groups for the
same people in whatever order they were registered. RealtimeKit's own split cuts the list into runs of ceil(n/k), which
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
    """The people can't be distributed like this; the message is a sentence that says why."""


@dataclass(frozen=True)
class RoomSpec:
    """What is asked of a room: who must be in it, and how many it takes (None: any number)."""

    pinned: tuple[str, ...] = ()
    max_participants: int | None = None


@dataclass(frozen=True)
class RoomNow:
    """A room that exists: how many it has and how many it takes (None: any number)."""

    people: int
    max_participants: int | None = None

    @property
    def has_place(self) -> bool:
        """Whether one more may come."""
        return self.max_participants is None or self.people < self.max_participants


def random_seed() -> int:
    """A seed that JSON, JavaScript and a 32-bit column all keep exactly."""
    return secrets.randbelow(2**31)


def distribute(people: Iterable[str], rooms: Sequence[RoomSpec], seed: int) -> list[list[str]]:
    """The people of each room, pinned ones first; raises Impossible.

    Pinned people stay where they are pinned, and everybody else evens the sizes out as far as that and the limits
    allow. Which rooms get one more than others is left to the seed too.
    """
    others = set(people) - _pinned(rooms)
    _check_places(len(others), rooms)
    luck = random.Random(seed)  # noqa: S311 - must be repeatable, and guards nothing
    now = [RoomNow(len(room.pinned), room.max_participants) for room in rooms]
    places = _places(now, _shuffled(range(len(rooms)), luck))
    groups = [list(room.pinned) for room in rooms]
    for person, index in zip(_shuffled(sorted(others), luck), places, strict=False):
        groups[index].append(person)
    return groups


def redistribute(people: Iterable[str], rooms: Sequence[RoomNow]) -> dict[str, int | None]:
    """The room of each, one after the other into the least filled one; None: no place was left."""
    places = _places(rooms, range(len(rooms)))
    return {person: next(places, None) for person in people}


def _places(rooms: Sequence[RoomNow], order: Iterable[int]) -> Iterator[int]:
    """Place by place the room that is least filled by then, the first in `order` of several; ends when all are full."""
    heap = [(rooms[index].people, turn, index) for turn, index in enumerate(order) if rooms[index].has_place]
    heapq.heapify(heap)
    while heap:
        people, turn, index = heap[0]
        yield index
        limit = rooms[index].max_participants
        if limit is None or people + 1 < limit:
            heapq.heapreplace(heap, (people + 1, turn, index))
        else:
            heapq.heappop(heap)


def _pinned(rooms: Sequence[RoomSpec]) -> set[str]:
    counts = Counter(person for room in rooms for person in room.pinned)
    if twice := sorted(person for person, count in counts.items() if count > 1):
        raise Impossible(f"Pinned more than once: {', '.join(twice)}.")
    return set(counts)


def _check_places(people: int, rooms: Sequence[RoomSpec]) -> None:
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


def _shuffled(items: Iterable[T], luck: random.Random) -> list[T]:
    """Fisher-Yates on `random()`, the one method that Python documents to give the same numbers in every version.

    `shuffle` has no such promise, and a stored seed must give the same groups after an upgrade.
    """
    dealt = list(items)
    for last in range(len(dealt) - 1, 0, -1):
        other = int(luck.random() * (last + 1))
        dealt[last], dealt[other] = dealt[other], dealt[last]
    return dealt
