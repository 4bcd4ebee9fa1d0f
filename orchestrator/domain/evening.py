"""Evening out groups that are there, with the fewest moves."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from orchestrator.domain.distribution import RoomNow, RoomSpec, next_places, shuffled


def even_out(
    groups: Sequence[Sequence[str]], people: Iterable[str], rooms: Sequence[RoomSpec], seed: int
) -> tuple[list[list[str]], list[str]]:
    """Return the people of each room, pinned people first, and the people for whom there is no place.

    `groups` are where people are now, by room. Who is in none of them is new, and who is not among `people` is gone.
    Sizes become as even as pins and limits allow; of two such splits it takes one that moves the fewest people. The
    seed decides who moves, and where to.
    """
    luck = random.Random(seed)  # noqa: S311 - must be repeatable, and guards nothing
    here = set(people)
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


def _even_sizes(
    count: int, members: Sequence[Sequence[str]], rooms: Sequence[RoomSpec], luck: random.Random
) -> list[int]:
    """Return how many of so many people each room gets besides its pinned ones. The fullest get one more."""
    fullest = [-len(members[index]) - len(room.pinned) for index, room in enumerate(rooms)]
    order = sorted(shuffled(range(len(rooms)), luck), key=fullest.__getitem__)
    now = [RoomNow(len(room.pinned), room.max_participants) for room in rooms]
    taken = Counter(islice(next_places(now, order), count))
    return [taken[index] for index in range(len(rooms))]
