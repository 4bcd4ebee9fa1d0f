"""Counts and lists in words."""

from collections.abc import Sequence


def count(number: int, one: str, many: str = "") -> str:
    """Return `1 room` or `2 rooms`; `many` is the plural where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Return `ana`, `ana and bo` or `ana, bo and cy`."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
