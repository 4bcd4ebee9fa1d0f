"""Conflicts of constraints: what is said to be impossible is, for all who are named and for no fewer."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.domain.conflicts import Conflict, check, conflict, keepable
from orchestrator.domain.constraints import Constraints
from orchestrator.domain.distribution import Impossible, RoomSpec
from orchestrator.domain.rules import Rules, broken

NAMES = "abcdefg"
LISTS = st.lists(st.lists(st.sampled_from(NAMES), min_size=2, max_size=3, unique=True).map(tuple), max_size=4)


def constraints(
    *,
    people: str = NAMES,
    rooms: int = 3,
    together: str = "",
    apart: str = "",
    pins: dict[str, int] | None = None,
    limits: dict[int, int] | None = None,
    facilitators: str = "",
) -> Constraints:
    """Return constraints; the lists of a rule are words of letters."""
    specs = [
        RoomSpec(tuple(name for name, room in (pins or {}).items() if room == index), (limits or {}).get(index))
        for index in range(rooms)
    ]
    rules = Rules(tuple(map(tuple, together.split())), tuple(map(tuple, apart.split())))
    names = tuple(f"Room {number}" for number in range(1, rooms + 1))
    return Constraints(frozenset(people), tuple(specs), names, rules, frozenset(facilitators))


def seatings(wanted: Constraints) -> Iterator[list[list[str]]]:
    """Yield each way to seat them that holds all constraints, by trying everything."""
    people = sorted(wanted.everybody)
    for rooms in product(range(len(wanted.rooms)), repeat=len(people)):
        room_of = dict(zip(people, rooms, strict=True))
        groups = [[one for one in people if room_of[one] == index] for index in range(len(wanted.rooms))]
        if (
            all(room_of[one] == room for one, room in wanted.pins.items())
            and all(
                spec.max_participants is None or len(group) <= spec.max_participants
                for spec, group in zip(wanted.rooms, groups, strict=True)
            )
            and not broken(wanted.rules, groups)
            and all(len(wanted.facilitators.intersection(group)) <= 1 for group in groups)
        ):
            yield groups


def possible(wanted: Constraints) -> bool:
    return next(seatings(wanted), None) is not None


def without_limits(wanted: Constraints) -> Constraints:
    return replace(wanted, rooms=tuple(replace(room, max_participants=None) for room in wanted.rooms))


@settings(max_examples=150, deadline=None)
@given(
    rooms=st.integers(1, 3),
    together=LISTS,
    apart=LISTS,
    pins=st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3),
    limits=st.dictionaries(st.integers(0, 2), st.integers(1, 3), max_size=3),
)
@example(
    rooms=3,
    together=[("f", "d")],
    apart=[("a", "b"), ("b", "d"), ("a", "b", "c"), ("c", "f", "a")],
    pins={"b": 0},
    limits={0: 1},  # four of the five can't be seated either, because of this limit
)
def test_a_conflict_is_one_and_without_any_one_of_its_people_it_is_none(
    rooms: int,
    together: list[tuple[str, ...]],
    apart: list[tuple[str, ...]],
    pins: dict[str, int],
    limits: dict[int, int],
) -> None:
    wanted = constraints(
        rooms=rooms,
        together=" ".join(map("".join, together)),
        apart=" ".join(map("".join, apart)),
        pins={name: room for name, room in pins.items() if room < rooms},
        limits={room: limit for room, limit in limits.items() if room < rooms},
    )
    found = conflict(wanted)
    if found is not None:
        assert not possible(wanted.among(found.people))
        for person in found.people:
            assert person in found.why
            assert possible(without_limits(wanted.among(set(found.people) - {person}))), (person, found)


@settings(max_examples=60, deadline=None)
@given(rooms=st.integers(2, 3), together=LISTS, apart=LISTS)
def test_what_is_left_of_the_rules_can_be_kept_as_far_as_is_known_at_once(
    rooms: int, together: list[tuple[str, ...]], apart: list[tuple[str, ...]]
) -> None:
    wanted = constraints(rooms=rooms, together=" ".join(map("".join, together)), apart=" ".join(map("".join, apart)))
    kept, dropped = keepable(wanted)
    assert len(dropped) == len(together) + len(apart) - len(kept.together) - len(kept.apart)
    assert (not dropped) == (conflict(wanted) is None)
    assert conflict(constraints(rooms=rooms)) is None


CASES = [
    (constraints(together="ab", apart="ab"), "a and b must be together and apart"),
    (
        constraints(together="ac cb", apart="ab"),
        "a and b must be apart, but a must be together with c and c must be together with b",
    ),
    (
        constraints(apart="ab", pins={"a": 1, "b": 1}),
        "a and b must be apart, but a is pinned to Room 2 and b is pinned to Room 2",
    ),
    (
        constraints(together="ab", pins={"a": 0, "b": 2}),
        "nobody can be in two rooms, but a is pinned to Room 1, a must be together with b and b is pinned to Room 3",
    ),
    (
        constraints(together="ab bcd", limits={0: 2, 1: 3, 2: 3}),
        "a, b, c and d must be together, but no room takes more than 3",
    ),
    (
        constraints(together="ab", pins={"a": 0, "c": 0}, limits={0: 2}),
        "a, b and c must be in Room 1, but it takes at most 2",
    ),
    (constraints(apart="abcd"), "a, b, c and d must be apart, but there are only 3 rooms"),
    (constraints(apart="ab bc ca", rooms=2), "a, b and c must be apart, but there are only 2 rooms"),
    (constraints(apart="ab", rooms=1), "a and b must be apart, but there is only 1 room"),
    (
        constraints(together="ad", apart="ab bc cd", rooms=2),
        "a must be apart from b, b must be apart from c, c must be apart from d and d must be together with a, "
        "but there are only 2 rooms",
    ),
    (
        constraints(apart="ab ac", pins={"b": 0, "c": 1}, rooms=2),
        "a must be apart from b, a must be apart from c, b is pinned to Room 1 and c is pinned to Room 2, "
        "but there are only 2 rooms",
    ),
    (
        constraints(together="ab", facilitators="ab"),
        "a and b are hosts, one to a room, but a must be together with b",
    ),
]


@pytest.mark.parametrize(("wanted", "why"), CASES, ids=[why for _, why in CASES])
def test_a_conflict_is_said_in_words_that_name_the_people(wanted: Constraints, why: str) -> None:
    with pytest.raises(Impossible) as caught:
        check(wanted)
    assert str(caught.value) == f"{why}."


def test_of_several_conflicts_the_smallest_is_said() -> None:
    wanted = constraints(together="abcde fg", apart="ae fg", limits={0: 3, 1: 3, 2: 3})
    assert conflict(wanted) == Conflict(("a", "e"), "a and e must be together and apart")


def test_what_can_be_kept_is_no_conflict() -> None:
    wanted = constraints(together="ab bc", apart="ad de", pins={"a": 0, "d": 1}, limits={0: 3}, facilitators="af")
    check(wanted)
    assert keepable(wanted) == (wanted.rules, [])
    assert possible(wanted)


def test_who_is_not_among_the_people_is_passed_over() -> None:
    check(constraints(people="ab", together="ac cb", apart="ab"))


def test_the_rule_that_was_given_last_is_dropped() -> None:
    kept, dropped = keepable(constraints(together="ab cd", apart="ab cd ef"))
    assert kept == Rules((("a", "b"), ("c", "d")), (("e", "f"),))
    assert [one.people for one in dropped] == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        (Rules(apart=(tuple(f"p{number}" for number in range(5000)),)), 501),
        (Rules(apart=(tuple(f"p{number}" for number in range(500)),)), 0),
        (Rules(together=tuple((f"p{number}", f"p{number + 1}") for number in range(4999)), apart=(("p0", "p4"),)), 5),
    ],
)
def test_conflicts_of_thousands_are_found(rules: Rules, named: int) -> None:
    people = frozenset(f"p{number}" for number in range(5000))
    wanted = Constraints(people, (RoomSpec(),) * 500, tuple(f"Room {number}" for number in range(500)), rules)
    found = conflict(wanted)
    assert len(found.people if found else ()) == named


CROWD = [f"p{number:04}" for number in range(3000)]
CHAIN = tuple(pairwise(CROWD))
STEPS_OF_500 = tuple((CROWD[index], CROWD[index + 500]) for index in range(2500))


@pytest.mark.parametrize(
    ("rules", "limit", "words"),
    [
        (Rules(CHAIN, ((CROWD[0], CROWD[-1]),)), None, "p0000 and p2999 must be apart, but p0000 must"),
        (Rules(CHAIN, STEPS_OF_500), None, "p0000 and p0500 must be apart, but p0000 must"),
        (Rules((tuple(CROWD[:400]),), (tuple(CROWD[:400]),)), None, "p0000 and p0001 must be together and"),
        (Rules((tuple(CROWD), *[tuple(CROWD[:100])] * 1000)), 1000, "must be together, but no room takes more than"),
    ],
    ids=["a long way", "many long ways", "one list for both", "long lists"],
)
@pytest.mark.timeout(60)  # where work grows by the square it takes minutes
def test_large_plans_are_looked_through_in_seconds(rules: Rules, limit: int | None, words: str) -> None:
    rooms = tuple(RoomSpec(max_participants=limit) for _ in range(500))
    crowd = Constraints(frozenset(CROWD), rooms, tuple(map(str, range(500))), rules)
    found = conflict(crowd)
    assert found is not None
    assert words in found.why
