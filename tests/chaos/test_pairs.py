"""The combinations of switches under which chaos is played."""

from itertools import combinations

import pytest

from orchestrator.sandbox.world.config import Switches
from tests.chaos.pairs import pairwise
from tests.chaos.switches import CHOICES, ELSEWHERE, rows

SMALL = {"a": (1, 2, 3), "b": "xy", "c": (None, True), "d": (0,)}


@pytest.mark.parametrize("choices", [CHOICES, SMALL], ids=["switches", "small"])
@pytest.mark.parametrize("seed", [1, 2])
def test_each_pair_of_values_occurs_in_a_row(choices: dict[str, tuple[object, ...]], seed: int) -> None:
    made = pairwise(choices, seed)
    for one, other in combinations(choices, 2):
        found = {(row[one], row[other]) for row in made}
        assert len(found) == len(choices[one]) * len(choices[other])


def test_there_are_few_rows_and_they_depend_on_the_seed_alone() -> None:
    sizes = sorted((len(values) for values in CHOICES.values()), reverse=True)
    assert sizes[0] * sizes[1] <= len(rows(1)) <= 2 * sizes[0] * sizes[1]
    assert rows(1) == rows(1) != rows(2)


def test_each_switch_is_turned_somewhere() -> None:
    assert set(CHOICES) | ELSEWHERE == set(Switches.model_fields)
    assert all(Switches(**row) for row in rows(1))
