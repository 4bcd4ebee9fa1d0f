"""Distribution: even, fair, repeatable, and clear about what can't be done."""

import json
import random
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.distribution import (
    Impossible,
    RoomNow,
    RoomSpec,
    deal,
    deal_further,
    distribute,
    random_seed,
    redistribute,
)

SEEDS = st.integers(min_value=-(2**53), max_value=2**53)


def people(count: int) -> list[str]:
    return [f"person-{number}" for number in range(count)]


def plain_rooms(count: int) -> list[RoomSpec]:
    return [RoomSpec()] * count


def sizes(groups: list[list[str]]) -> list[int]:
    return [len(group) for group in groups]


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 5000), rooms=st.integers(1, 500), seed=SEEDS)
def test_sizes_differ_by_at_most_one_and_nobody_is_lost_or_doubled(count: int, rooms: int, seed: int) -> None:
    groups = distribute(people(count), plain_rooms(rooms), seed)
    small, larger = divmod(count, rooms)
    assert Counter(sizes(groups)) == Counter({small: rooms - larger}) + Counter({small + 1: larger})
    assert sorted(chain(*groups)) == sorted(people(count))
    assert count < rooms or all(groups)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 300), rooms=st.integers(1, 40), seed=SEEDS, luck=st.randoms(use_true_random=False))
def test_the_order_of_registration_does_not_matter(count: int, rooms: int, seed: int, luck: random.Random) -> None:
    shuffled = people(count)
    luck.shuffle(shuffled)
    assert distribute(shuffled, plain_rooms(rooms), seed) == distribute(people(count), plain_rooms(rooms), seed)


def test_a_stored_seed_gives_the_same_groups_for_ever() -> None:
    assert distribute("abcdefghi", plain_rooms(4), 7) == [["b", "c"], ["f", "e"], ["h", "g", "a"], ["d", "i"]]


def test_no_room_is_empty_where_realtimekit_leaves_one_empty() -> None:
    for seed in range(200):
        assert sorted(sizes(distribute(people(9), plain_rooms(4), seed)), reverse=True) == [3, 2, 2, 2]


def test_with_fewer_people_than_rooms_nobody_has_company() -> None:
    assert sorted(sizes(distribute(people(3), plain_rooms(5), 1))) == [0, 0, 1, 1, 1]


def test_other_seeds_give_other_groups() -> None:
    seen = {str(distribute(people(12), plain_rooms(3), seed)) for seed in range(50)}
    assert len(seen) == 50


def test_every_person_is_equally_likely_in_every_room() -> None:
    """Chi-square over fixed seeds; of 4 rooms 2 have one more, and luck must share that out too."""
    rounds, count, rooms = 4000, 10, 4
    seen = Counter(
        (person, room)
        for seed in range(rounds)
        for room, group in enumerate(distribute(people(count), plain_rooms(rooms), seed))
        for person in group
    )
    expected = rounds / rooms
    for person in people(count):
        statistic = sum((seen[person, room] - expected) ** 2 / expected for room in range(rooms))
        assert statistic < chi_square_limit(rooms - 1), (person, statistic)


def test_every_pair_is_equally_likely_to_meet() -> None:
    rounds, count, rooms = 3000, 8, 4
    met = Counter(
        frozenset(group) for seed in range(rounds) for group in distribute(people(count), plain_rooms(rooms), seed)
    )
    pairs = count * (count - 1) // 2
    expected = rounds * rooms / pairs
    assert len(met) == pairs
    assert sum((times - expected) ** 2 / expected for times in met.values()) < chi_square_limit(pairs - 1)


def test_the_larger_rooms_are_not_always_the_same() -> None:
    larger = Counter(sizes(distribute(people(9), plain_rooms(4), seed)).index(3) for seed in range(2000))
    statistic = sum((times - 500) ** 2 / 500 for times in larger.values())
    assert len(larger) == 4
    assert statistic < chi_square_limit(3)


def chi_square_limit(freedom: int) -> float:
    """Return what a fair deal exceeds once in 100,000 times (z = 4.265), after Wilson and Hilferty."""
    part = 2 / (9 * freedom)
    return freedom * float((1 - part + 4.265 * part**0.5) ** 3)


def test_pinned_people_stay_and_the_others_even_the_sizes_out() -> None:
    rooms = [RoomSpec(pinned=("person-0", "person-1", "person-2", "person-3")), RoomSpec(), RoomSpec(("person-9",))]
    for seed in range(50):
        groups = distribute(people(10), rooms, seed)
        assert sizes(groups) == [4, 3, 3]
        assert groups[0] == ["person-0", "person-1", "person-2", "person-3"]
        assert groups[2][0] == "person-9"
        assert sorted(chain(*groups)) == people(10)


def test_a_pinned_person_has_a_place_without_being_among_the_people() -> None:
    assert distribute([], [RoomSpec(("guest",)), RoomSpec()], 1) == [["guest"], []]


@settings(max_examples=100, deadline=None)
@given(data=st.data(), seed=SEEDS)
def test_limits_hold_and_sizes_are_as_even_as_limits_and_pins_allow(data: st.DataObject, seed: int) -> None:
    limits = data.draw(st.lists(st.none() | st.integers(0, 8), min_size=1, max_size=12))
    names = iter(people(200))
    rooms = [
        RoomSpec(
            tuple(next(names) for _ in range(data.draw(st.integers(0, 3 if limit is None else min(3, limit))))), limit
        )
        for limit in limits
    ]
    places = 60 if None in limits else sum((room.max_participants or 0) - len(room.pinned) for room in rooms)
    others = [next(names) for _ in range(data.draw(st.integers(0, min(60, places))))]
    groups = distribute(others, rooms, seed)
    assert sorted(chain(*groups)) == sorted(chain(others, *(room.pinned for room in rooms)))
    for room, group in zip(rooms, groups, strict=True):
        assert room.max_participants is None or len(group) <= room.max_participants
        assert tuple(group[: len(room.pinned)]) == room.pinned
    dealt_to = [len(group) for room, group in zip(rooms, groups, strict=True) if len(group) > len(room.pinned)]
    free = [
        len(group)
        for room, group in zip(rooms, groups, strict=True)
        if room.max_participants is None or len(group) < room.max_participants
    ]
    assert not dealt_to or not free or max(dealt_to) <= min(free) + 1, "a fuller room got somebody"


@pytest.mark.parametrize(
    ("names", "rooms", "why"),
    [
        ("abc", [], "There must be at least one room."),
        ("abc", [RoomSpec(max_participants=1)] * 2, "The rooms' limits leave 2 places for 3 people."),
        ("abc", [RoomSpec(("x",), 2), RoomSpec(("y",), 2)], "The rooms' limits leave 2 places for 3 people."),
        ("a", [RoomSpec(max_participants=0)], "The rooms' limits leave 0 places for 1 people."),
        ("a", [RoomSpec(("a", "b"), max_participants=1)], "Room 1 takes at most 1, but 2 are pinned to it."),
        ("a", [RoomSpec(("a",)), RoomSpec(("b", "a"))], "Pinned more than once: a."),
        ("a", [RoomSpec(("a", "a"))], "Pinned more than once: a."),
        ("a", [RoomSpec(("b", "a")), RoomSpec(("a", "b"))], "Pinned more than once: a, b."),
    ],
)
def test_what_is_impossible_says_why(names: str, rooms: list[RoomSpec], why: str) -> None:
    with pytest.raises(Impossible) as caught:
        distribute(names, rooms, 1)
    assert str(caught.value) == why


def test_people_of_a_lost_room_fill_up_the_others() -> None:
    rooms = [RoomNow(2), RoomNow(0, max_participants=0), RoomNow(1), RoomNow(1, max_participants=2)]
    assert redistribute(["a", "b", "c", "d"], rooms) == {"a": 2, "b": 3, "c": 0, "d": 2}
    assert redistribute(["a", "b"], [RoomNow(0, max_participants=1)]) == {"a": 0, "b": None}


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 100), seed=SEEDS, luck=st.randoms(use_true_random=False))
def test_latecomers_are_dealt_by_the_seed_in_whatever_order_they_came(
    count: int, seed: int, luck: random.Random
) -> None:
    rooms = [RoomNow(3), RoomNow(0), RoomNow(1, max_participants=2), RoomNow(2)]
    shuffled = people(count)
    luck.shuffle(shuffled)
    placed = deal_further(shuffled, rooms, seed)
    assert placed == deal_further(people(count), rooms, seed)
    filled = [room.people + list(placed.values()).count(index) for index, room in enumerate(rooms)]
    assert (filled[2] <= 2, sum(filled)) == (True, 6 + count)
    unlimited = [filled[0], filled[1], filled[3]]
    assert max(unlimited) - min(unlimited) <= max(1, 3 - min(unlimited))


def test_latecomers_go_where_the_fewest_are_before_where_the_fewest_belong() -> None:
    rooms = [RoomNow(2, there=2), RoomNow(5, there=0), RoomNow(4, there=0)]
    assert [deal_further(["late"], rooms, seed) for seed in range(10)] == [{"late": 2}] * 10
    everybody = deal_further([f"p{number}" for number in range(7)], rooms, 1)
    assert Counter(everybody.values()) == {1: 3, 2: 3, 0: 1}


def test_who_finds_no_place_is_left_by_the_deal() -> None:
    groups, left = deal(people(5), [RoomSpec(max_participants=2), RoomSpec(("x",), max_participants=2)], 1)
    assert (sizes(groups), len(left)) == ([2, 2], 2)
    assert deal_further(["a", "b"], [RoomNow(1, max_participants=2)], 1) in ({"a": 0, "b": None}, {"a": None, "b": 0})


def test_a_random_seed_survives_json_and_javascript_and_a_column_of_32_bits() -> None:
    seeds = [random_seed() for _ in range(100)]
    assert len(set(seeds)) > 90
    assert all(0 <= seed < 2**31 and json.loads(json.dumps(seed)) == seed for seed in seeds)
