"""How evenly the values of an attribute are spread over rooms."""

from collections import defaultdict
from collections.abc import Mapping


def largest_difference(people: Mapping[tuple[str, str | None], int], rooms: int) -> int:
    """Return the largest difference between two of so many rooms in people with the same value.

    `people` counts the people of each room and value. Who lacks the attribute has a value of its own, None.
    """
    by_value: defaultdict[str | None, list[int]] = defaultdict(list)
    for (_, value), count in people.items():
        by_value[value].append(count)
    return max((max(it) - (min(it) if len(it) == rooms else 0) for it in by_value.values()), default=0)
