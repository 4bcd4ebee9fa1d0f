"""Rules of who sits with whom: people who must be together, and people who must be apart."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise


@dataclass(frozen=True)
class Rules:
    """Lists of people: those of one list must all be in one room (`together`), or in as many rooms (`apart`)."""

    together: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.together or self.apart)

    def among(self, people: Collection[str]) -> "Rules":
        """Return the rules as far as they name these people; who is named and not among them is passed over."""
        return Rules(_among(self.together, people), _among(self.apart, people))

    def apart_pairs(self) -> list[tuple[str, str]]:
        """Return each two people who must be apart, in alphabetical order."""
        return sorted({pair for names in self.apart for pair in combinations(sorted(set(names)), 2)})


def units(people: Iterable[str], together: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the people as units that sit together; lists that share somebody are one unit. The order is alphabetical.

    People whom a list names are among the units even if they are not among `people`.
    """
    head: dict[str, str] = {}

    def head_of(person: str) -> str:
        while (above := head.setdefault(person, person)) != person:
            head[person] = head[above]  # shorter for the next one, else long lists take the square of their length
            person = above
        return person

    for names in together:
        for one, other in pairwise(names):
            head[head_of(one)] = head_of(other)
    members: dict[str, list[str]] = {}
    for person in sorted(set(people) | set(head)):
        members.setdefault(head_of(person) if person in head else person, []).append(person)
    return [tuple(unit) for unit in members.values()]


def broken(rules: Rules, groups: Iterable[Iterable[str]]) -> Rules:
    """Return the rules that these groups break: lists of `together` that are in several rooms, pairs who are not apart.

    Who is in no group is passed over.
    """
    room_of = {person: index for index, group in enumerate(groups) for person in group}
    here = rules.among(room_of)
    return Rules(
        tuple(names for names in here.together if len({room_of[name] for name in names}) > 1),
        tuple(pair for pair in here.apart_pairs() if room_of[pair[0]] == room_of[pair[1]]),
    )


def _among(lists: Iterable[Sequence[str]], people: Collection[str]) -> tuple[tuple[str, ...], ...]:
    kept = (tuple(dict.fromkeys(name for name in names if name in people)) for names in lists)
    return tuple(names for names in kept if len(names) > 1)
