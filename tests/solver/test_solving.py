"""Solving: what comes out holds every constraint, and nothing is more even, or as even and more balanced."""

import sys
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.balance import Values, spread, unbalanced
from orchestrator.domain.constraints import Constraints
from orchestrator.domain.distribution import Impossible, RoomSpec
from orchestrator.domain.rules import Rules, broken
from orchestrator.solver import solving
from orchestrator.solver.extra import MissingExtra, require
from orchestrator.solver.solving import solve

SECONDS = 60
"""More than any of these needs, because other tests run at the same time."""
NAMES = ["ana", "bo", "cy", "di", "ed", "flo"]


def constraints(
    people: int | list[str],
    rooms: list[RoomSpec] | int,
    rules: Rules | None = None,
    facilitators: tuple[str, ...] = (),
) -> Constraints:
    names = [f"p{number}" for number in range(people)] if isinstance(people, int) else people
    specs = [RoomSpec()] * rooms if isinstance(rooms, int) else rooms
    titles = tuple(f"Room {number}" for number in range(1, len(specs) + 1))
    return Constraints(frozenset(names), tuple(specs), titles, rules or Rules(), frozenset(facilitators))


def holds(wanted: Constraints, groups: list[list[str]]) -> bool:
    everybody = sorted(person for group in groups for person in group)
    return (
        everybody == sorted(wanted.everybody)
        and all(set(room.pinned) <= set(group) for room, group in zip(wanted.rooms, groups, strict=True))
        and all(
            room.max_participants is None or len(group) <= room.max_participants
            for room, group in zip(wanted.rooms, groups, strict=True)
        )
        and not broken(wanted.rules, groups)
        and all(_one_host(wanted, wanted.facilitators.intersection(group)) for group in groups)
    )


def _one_host(wanted: Constraints, hosts: frozenset[str]) -> bool:
    """Whether hosts may be in one room: one, or those who are pinned there by name."""
    return len(hosts) <= 1 or hosts <= wanted.pins.keys()


def seatings(wanted: Constraints) -> Iterator[list[list[str]]]:
    people, count = sorted(wanted.everybody), len(wanted.rooms)
    for rooms in product(range(count), repeat=len(people)):
        groups = [[one for one, room in zip(people, rooms, strict=True) if room == index] for index in range(count)]
        if holds(wanted, groups):
            yield groups


def cost(groups: list[list[str]], values: Values) -> tuple[int, int]:
    return spread(groups), sum(unbalanced(groups, values).values())


LISTS = st.lists(st.lists(st.sampled_from(NAMES), min_size=2, max_size=3, unique=True).map(tuple), max_size=2).map(
    tuple
)
VALUES = st.dictionaries(
    st.sampled_from(["team", "level"]), st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["x", "y"])), max_size=2
)


@pytest.mark.parametrize("work", [0, 100_000])
@settings(max_examples=25, deadline=None)
@given(
    rooms=st.integers(2, 3),
    together=LISTS,
    apart=LISTS,
    pins=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1), max_size=2),
    limit=st.none() | st.integers(2, 4),
    values=VALUES,
)
def test_it_is_as_even_and_then_as_balanced_as_any_assignment_could_be(
    *,
    work: int,
    rooms: int,
    together: tuple[tuple[str, ...], ...],
    apart: tuple[tuple[str, ...], ...],
    pins: dict[str, int],
    limit: int | None,
    values: Values,
) -> None:
    """Compared with everything there is; also when the solver alone must find it (no work for the exchange)."""
    specs = [RoomSpec(tuple(one for one in pins if pins[one] == room), limit) for room in range(rooms)]
    wanted = constraints(NAMES, specs, Rules(together, apart), ("ana", "bo"))
    best = min((cost(groups, values) for groups in seatings(wanted)), default=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solving, "WORK", work)
        if best is None:
            with pytest.raises(Impossible):
                solve(wanted, values, 1, SECONDS)
        else:
            solved = solve(wanted, values, 1, SECONDS)
            assert holds(wanted, solved.groups)
            assert (cost(solved.groups, values), solved.optimal) == (best, True)
            assert (solved.spread, solved.unbalanced) == (best[0], unbalanced(solved.groups, values))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_course_is_even_balanced_and_true_to_its_rules(seed: int) -> None:
    """Who has no value of an attribute counts as having one of their own."""
    names = [f"p{number}" for number in range(120)]
    values = {
        "team": {name: "red" if number % 3 else "blue" for number, name in enumerate(names)},
        "level": {name: str(number % 4) for number, name in enumerate(names) if number % 5},
    }
    rules = Rules(tuple((names[n], names[n + 60]) for n in range(10)), tuple(tuple(names[n : n + 4]) for n in (20, 30)))
    wanted = constraints(names, 20, rules, tuple(names[90:100]))
    solved = solve(wanted, values, seed, SECONDS)
    assert holds(wanted, solved.groups)
    assert (solved.spread, solved.unbalanced, solved.optimal) == (0, {"team": 0, "level": 1}, True)


def test_the_same_seed_gives_the_same_groups_in_whatever_order_people_are_named() -> None:
    wanted = constraints(NAMES, 2, Rules((("ana", "bo"),), (("cy", "di"),)))
    turned = constraints(NAMES[::-1], 2, wanted.rules)
    first = [solve(wanted, {"team": {"ana": "x", "cy": "x"}}, seed, SECONDS) for seed in range(8)]
    assert first == [solve(turned, {"team": {"cy": "x", "ana": "x"}}, seed, SECONDS) for seed in range(8)]
    assert len({str(solved.groups) for solved in first}) > 4


def test_what_only_the_solver_can_prove_impossible_is_explained_by_the_rules_that_conflict() -> None:
    """Three pairs do not fit into two rooms of three, although there are six places."""
    rules = Rules((("ana", "bo"), ("cy", "di"), ("ed", "flo")), (("ana", "cy"),))
    with pytest.raises(Impossible) as caught:
        solve(constraints(NAMES, [RoomSpec(max_participants=3)] * 2, rules), {}, 1, SECONDS)
    assert str(caught.value) == (
        "these can't hold at the same time: ana and bo together, cy and di together, ed and flo together, "
        "at most 3 in Room 1 and at most 3 in Room 2."
    )


def test_what_is_impossible_at_once_says_so_as_in_a_request() -> None:
    with pytest.raises(Impossible, match="ana and bo must be together and apart"):
        solve(constraints(NAMES, 2, Rules((("ana", "bo"),), (("ana", "bo"),))), {}, 1, SECONDS)


def test_without_time_the_best_that_is_known_is_taken_and_not_called_optimal() -> None:
    names = [f"p{number}" for number in range(90)]
    values = {str(mod): {name: str(n % mod) for n, name in enumerate(names)} for mod in (7, 11, 13)}
    wanted = constraints(names, 9, Rules(tuple((names[n], names[n + 1]) for n in range(0, 60, 2))))
    solved = solve(wanted, values, 1, 0.1)
    assert holds(wanted, solved.groups)
    assert (solved.spread, solved.optimal) == (0, False)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require()
    monkeypatch.setitem(sys.modules, "ortools", None)
    with pytest.raises(MissingExtra, match=r"breakout-orchestrator\[constraints\]"):
        require()
    with pytest.raises(MissingExtra):
        solve(constraints(NAMES, 2), {}, 1, SECONDS)
