"""A few of all combinations of choices, in which each pair of values of two choices occurs (pairwise testing)."""

import random
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any

Choices = Mapping[str, Sequence[Any]]
Indices = dict[str, int]
"""A combination, by the index of each choice's value."""
Pair = frozenset[tuple[str, int]]


def pairwise(choices: Choices, seed: int) -> list[dict[str, Any]]:
    """Return combinations of one value each, the same for the same seed.

    Each begins with a pair that none has yet, and then takes the values that add most pairs.
    """
    chance, made = random.Random(seed), list[Indices]()
    missing = dict.fromkeys(_all_pairs(choices))
    while missing:
        row = dict(chance.choice(list(missing)))
        for name in chance.sample(list(choices), len(choices)):
            if name not in row:
                row[name] = _best(missing, row, name, chance.sample(range(len(choices[name])), len(choices[name])))
        for pair in pairs_of(row):
            missing.pop(pair, None)
        made.append(row)
    return [{name: choices[name][row[name]] for name in choices} for row in made]


def pairs_of(row: Indices) -> list[Pair]:
    """Return the pairs of values that a combination has."""
    return [frozenset(pair) for pair in combinations(row.items(), 2)]


def _all_pairs(choices: Choices) -> list[Pair]:
    values = {name: [(name, index) for index in range(len(choices[name]))] for name in choices}
    return [frozenset(pair) for one, other in combinations(choices, 2) for pair in product(values[one], values[other])]


def _best(missing: Mapping[Pair, None], row: Indices, name: str, indices: Sequence[int]) -> int:
    return max(indices, key=lambda index: sum(frozenset({it, (name, index)}) in missing for it in row.items()))
