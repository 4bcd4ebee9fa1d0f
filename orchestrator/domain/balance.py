"""How evenly people, and the values of their attributes, are spread over rooms."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

Values = Mapping[str, Mapping[str, str]]
"""By attribute, the value of each person who has one."""


def spread(groups: Sequence[Sequence[str]]) -> int:
    """Return how many people the largest group has more than the smallest."""
    sizes = [len(group) for group in groups]
    return max(sizes, default=0) - min(sizes, default=0)


def unbalanced(groups: Sequence[Sequence[str]], values: Values) -> dict[str, int]:
    """Return for each attribute the largest difference between two groups in people with the same value."""

    def counted(of: Mapping[str, str]) -> Counter[tuple[str, str | None]]:
        return Counter((str(index), of.get(person)) for index, group in enumerate(groups) for person in group)

    return {attribute: largest_difference(counted(of), len(groups)) for attribute, of in values.items()}


def largest_difference(people: Mapping[tuple[str, str | None], int], rooms: int) -> int:
    """Return the largest difference between two of so many rooms in people with the same value.

    `people` counts the people of each room and value. Who lacks the attribute has a value of its own, None.
    """
    by_value: defaultdict[str | None, list[int]] = defaultdict(list)
    for (_, value), count in people.items():
        by_value[value].append(count)
    return max((max(it) - (min(it) if len(it) == rooms else 0) for it in by_value.values()), default=0)
