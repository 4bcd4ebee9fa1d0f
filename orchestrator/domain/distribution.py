"""Who sits where: a seeded shuffle, dealt evenly.

With any seed every person has the same chance of every room, and sizes differ by at most one. The same people get the
same groups in whatever order they were registered. RealtimeKit's own split cuts the list into runs of ceil(n/k), which
leaves rooms empty: 9 people in 4 rooms become 3, 3, 3, 0 there, and 3, 2, 2, 2 here.
"""

import heapq
import random
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
    has_host: bool = False
    """Whether a host belongs there, where hosts are dealt one to a room."""

    @property
    def has_place(self) -> bool:
        """Whether the room takes one more person."""
        return self.max_participants is None or self.people < self.max_participants


def random_seed() -> int:
    """Return a seed that JSON, JavaScript and a 32-bit column all keep exactly."""
    return secrets.randbelow(2**31)


def distribute(
    people: Iterable[str], rooms: Sequence[RoomSpec], seed: int, hosts: Collection[str] = ()
) -> list[list[str]]:
    """Return the people of each room, as `deal` does. Raises Impossible when somebody finds no place."""
    check_places(people, rooms, hosts)
    return deal(people, rooms, seed, hosts)[0]


def deal(
    people: Iterable[str], rooms: Sequence[RoomSpec], seed: int, hosts: Collection[str] = ()
) -> tuple[list[list[str]], list[str]]:
    """Return the people of each room, pinned people first, and the people for whom there is no place.

    Pinned people stay where they are pinned. The others even the sizes out as far as that and the limits allow. The
    seed also decides which rooms get one more than others. Of the people, `hosts` are dealt first, one to a room where
    no host is pinned. Further hosts have no room, and are not counted as people without a place.
    """
    luck = random.Random(seed)  # noqa: S311 - must be repeatable, and guards nothing
    others = set(people) - pinned_people(rooms)
    order = shuffled(range(len(rooms)), luck)
    groups = [list(room.pinned) for room in rooms]
    if hosts:
        now = _rooms_now(groups, rooms, hosts)
        _deal_hosts(others & set(hosts), now, order, luck, lambda host, index: groups[index].append(host))
    places = next_places(_rooms_now(groups, rooms, hosts), order)
    left: list[str] = []
    for person in shuffled(sorted(others - set(hosts)), luck):
        index = next(places, None)
        (left if index is None else groups[index]).append(person)
    return groups, left


def led(rooms: Sequence[RoomSpec], hosts: Collection[str], seed: int) -> list[RoomSpec]:
    """Return the rooms with these hosts pinned, one to each room without a host. For further hosts there is none."""
    groups, _ = deal(hosts, rooms, seed, hosts)
    return [RoomSpec(tuple(group), room.max_participants) for group, room in zip(groups, rooms, strict=True)]


def deal_further(
    people: Iterable[str], rooms: Sequence[RoomNow], seed: int, hosts: Collection[str] = ()
) -> dict[str, int | None]:
    """Deal people into rooms that have people already. Return the room index of each, or None without a place.

    The seed decides the order of the people, and which of two rooms that are filled alike is first. In whatever order
    they came, the result is the same. Of the people, `hosts` are dealt first, one to a room without a host; further
    hosts are left out.
    """
    luck = random.Random(seed)  # noqa: S311 - must be repeatable, and guards nothing
    order = shuffled(range(len(rooms)), luck)
    placed: dict[str, int | None] = {}
    if hosts:
        _deal_hosts(set(people) & set(hosts), rooms, order, luck, placed.__setitem__)
    taken = set(placed.values())
    now = [replace(room, people=room.people + (index in taken)) for index, room in enumerate(rooms)]
    places = next_places(now, order)
    return placed | {person: next(places, None) for person in shuffled(sorted(set(people) - set(hosts)), luck)}


def _deal_hosts(
    hosts: Iterable[str],
    rooms: Sequence[RoomNow],
    order: Sequence[int],
    luck: random.Random,
    place: Callable[[str, int], None],
) -> None:
    """Place hosts, one to each room that has none and takes one more person."""
    without = [index for index in order if rooms[index].has_place and not rooms[index].has_host]
    for host, index in zip(shuffled(sorted(hosts), luck), without, strict=False):
        place(host, index)


def _rooms_now(groups: Sequence[list[str]], rooms: Sequence[RoomSpec], hosts: Collection[str]) -> list[RoomNow]:
    return [
        RoomNow(len(group), room.max_participants, has_host=not set(hosts).isdisjoint(group))
        for group, room in zip(groups, rooms, strict=True)
    ]


def redistribute(people: Iterable[str], rooms: Sequence[RoomNow]) -> dict[str, int | None]:
    """Put the people one by one into the least filled room. Return the room index of each, or None without a place."""
    places = next_places(rooms, range(len(rooms)))
    return {person: next(places, None) for person in people}


def next_places(rooms: Sequence[RoomNow], order: Iterable[int]) -> Iterator[int]:
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


def check_places(people: Iterable[str], rooms: Sequence[RoomSpec], hosts: Collection[str] = ()) -> None:
    """Raise Impossible when there are too few places, or when pins and limits contradict each other."""
    if not rooms:
        raise Impossible("There must be at least one room.")
    others = set(people) - pinned_people(rooms)
    for number, room in enumerate(rooms, 1):
        if room.max_participants is not None and len(room.pinned) > room.max_participants:
            raise Impossible(
                f"Room {number} takes at most {room.max_participants}, but {len(room.pinned)} are pinned to it."
            )
    if any(room.max_participants is None for room in rooms):
        return
    free = [(room.max_participants or 0) - len(room.pinned) for room in rooms]
    led = sum(left > 0 and set(room.pinned).isdisjoint(hosts) for room, left in zip(rooms, free, strict=True))
    count = len(others - set(hosts)) + min(len(others & set(hosts)), led)
    if count > sum(free):
        raise Impossible(f"The rooms' limits leave {sum(free)} places for {count} people.")


def rooms_needed(people: int, size: int, hosts: int = 0, *, kept: int = 0, free: int = 0, led: int = 0) -> int:
    """Return how many rooms of at most `size` so many people need; at least one, and at least the `kept` ones.

    The kept rooms have `free` places, and `led` of them have a host. Besides the people, `hosts` are dealt one to a
    room without a host.
    """
    rooms = max(1, kept)
    while free + (rooms - kept) * size < people + min(hosts, rooms - led):
        rooms += 1
    return rooms


def shuffled(items: Iterable[T], luck: random.Random) -> list[T]:
    """Shuffle by Fisher-Yates on `random()`, the one method whose numbers Python documents to stay the same.

    `shuffle` has no such promise, and a stored seed must give the same groups after an upgrade of Python.
    """
    dealt = list(items)
    for last in range(len(dealt) - 1, 0, -1):
        other = int(luck.random() * (last + 1))
        dealt[last], dealt[other] = dealt[other], dealt[last]
    return dealt
