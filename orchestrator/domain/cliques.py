"""Cliques of a graph: nodes of which each is joined to each other one."""

from collections.abc import Collection, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)
WORK = 5_000
"""How many nodes the search may look at. It is exact for small graphs, and for large ones it is quick."""


def clique(edges: Collection[tuple[T, T]], size: int) -> list[T]:
    """Return a clique of so many nodes, or nothing if none is found; each edge is given in both directions."""
    joined: dict[T, set[T]] = {}
    for one, other in edges:
        joined.setdefault(one, set()).add(other)
    work = WORK

    def extended(found: list[T], candidates: Sequence[T]) -> list[T]:
        nonlocal work
        if len(found) == size:
            return found
        for index, node in enumerate(candidates):
            work -= 1
            if work < 0 or len(found) + len(candidates) - index < size:
                return []
            if whole := extended([*found, node], [it for it in candidates[index + 1 :] if it in joined[node]]):
                return whole
        return []

    likely = [node for node in joined if len(joined[node]) >= size - 1]
    return extended([], sorted(likely, key=lambda node: (-len(joined[node]), str(node))))
