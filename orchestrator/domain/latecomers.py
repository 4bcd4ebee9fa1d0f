"""Dealing people into rooms that have people already, where rules say who must be together and who apart."""

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from orchestrator.domain.distribution import RoomNow, deal_further, shuffled
from orchestrator.domain.rules import Rules, broken


def deal_by_rules(
    people: Iterable[str],
    rooms: Sequence[RoomNow],
    groups: Sequence[Collection[str]],
    rules: Rules,
    seed: int,
    *,
    hosts: Collection[str] = (),
) -> dict[str, int | None]:
    """Deal people as `deal_further` does, but those whom rules name first, each where no rule is broken if possible.

    `groups` are the people of each room whom rules name.
    """
    names = {name for some in (*rules.together, *rules.apart) for name in some}
    first = shuffled(sorted(names & set(people)), random.Random(seed))  # noqa: S311 - must be repeatable, guards nothing
    now, members = list(rooms), [set(group) for group in groups]
    placed: dict[str, int | None] = {}
    for name in first:
        good = [index for index, room in enumerate(now) if room.has_place and _keeps(rules, members, name, index)]
        choice = good or range(len(now))
        for index in deal_further([name], [now[it] for it in choice], seed, hosts).values():
            placed[name] = None if index is None else choice[index]
        if (at := placed.get(name)) is not None:
            now[at] = replace(now[at], people=now[at].people + 1, has_host=now[at].has_host or name in hosts)
            members[at].add(name)
    return placed | deal_further(set(people) - set(first), now, seed, hosts)


def _keeps(rules: Rules, members: Sequence[set[str]], name: str, index: int) -> bool:
    """Return whether somebody in this room breaks no rule that their absence keeps."""
    after = [group | {name} if it == index else group for it, group in enumerate(members)]
    concerned = Rules(*(tuple(some for some in lists if name in some) for lists in (rules.together, rules.apart)))
    worse = broken(concerned, after)
    return not any(name in some for some in (*worse.together, *worse.apart))
