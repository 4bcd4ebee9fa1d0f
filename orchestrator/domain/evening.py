"""Evening out groups that are there, with the fewest moves."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

from orchestrator.domain.distribution import RoomNow, RoomSpec, led, next_places, shuffled


def even_out(
    groups: Sequence[Sequence[str]],
    people: Iterable[str],
    rooms: Sequence[RoomSpec],
    seed: int,
    hosts: Collection[str] = (),
) -> tuple[list[list[str]], list[str]]:
    """Return the people of each room, pinned people first, and the people for whom there is no place.

    `groups` are where people are now, by room. Who is in none of them is new, and who is not among `people` is gone.
    Sizes become as even as pins and limits allow; of two such splits it takes one that moves the fewest people. The
    seed decides who moves, and where to. Of the people, `hosts` lead one room each where no host is pinned, their own
    where they can. Further hosts have no room, and are not counted as people without a place.
    """
    luck = random.Random(seed)  # noqa: S311 - must be repeatable, and guards nothing
    here = set(people) - set(hosts)
    if hosts:
        rooms = _led(groups, set(people) & set(hosts), rooms, seed, set(hosts))
    members = [[person for person in group if person in here] for group in groups]
    sizes = _even_sizes(len(here), members, rooms, luck)
    found, moving = [], shuffled(sorted(here.difference(*members)), luck)
    for room, group, size in zip(rooms, members, sizes, strict=True):
        order = shuffled(sorted(group), luck)
        found.append([*room.pinned, *order[:size]])
        moving += order[size:]
    rest = iter(moving)
    for room, group, size in zip(rooms, found, sizes, strict=True):
        group.extend(islice(rest, size - (len(group) - len(room.pinned))))
    return found, list(rest)


def _led(
    groups: Sequence[Sequence[str]], free: set[str], rooms: Sequence[RoomSpec], seed: int, hosts: set[str]
) -> list[RoomSpec]:
    """Return the rooms with a free host pinned to each that has none: one of its own group, else one without a room."""
    mine = [(free & set(group)) | (hosts & set(room.pinned)) for group, room in zip(groups, rooms, strict=True)]
    own = [led([room], those, seed)[0] for room, those in zip(rooms, mine, strict=True)]
    return led(own, free.union(*mine), seed)


def _even_sizes(
    count: int, members: Sequence[Sequence[str]], rooms: Sequence[RoomSpec], luck: random.Random
) -> list[int]:
    """Return how many of so many people each room gets besides its pinned ones. The fullest get one more."""
    fullest = [-len(members[index]) - len(room.pinned) for index, room in enumerate(rooms)]
    order = sorted(shuffled(range(len(rooms)), luck), key=fullest.__getitem__)
    now = [RoomNow(len(room.pinned), room.max_participants) for room in rooms]
    taken = Counter(islice(next_places(now, order), count))
    return [taken[index] for index in range(len(rooms))]
