"""Counts in words."""


def count(number: int, one: str, many: str = "") -> str:
    """`1 room`, `2 rooms`; `many` where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"
