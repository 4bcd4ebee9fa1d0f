"""Counts in words."""


def count(number: int, one: str, many: str = "") -> str:
    """Return `1 room` or `2 rooms`; `many` is the plural where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"
