"""Rounds: even, repeatable, true to their rules, and with as few people as possible meeting again."""

import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.distribution import RoomSpec
from orchestrator.domain.patterns import circle, shifts
from orchestrator.domain.rounds import Met, deal_round, repeated_pairs
from orchestrator.domain.rules import Rules, units

SEEDS = st.integers(min_value=-(2**53), max_value=2**53)
Groups = Sequence[Sequence[str]]


def people(count: int) -> list[str]:
    return [f"person-{number}" for number in range(count)]


def play(
    count: int, rooms: int, rounds: int, seed: int, rules: Rules | None = None, *, series: int = 40
) -> list[list[list[str]]]:
    """Play the first rounds of a series; the longer that is, the shorter is each of its rounds searched for."""
    met, played = Met(), []
    for _ in range(rounds):
        dealt = deal_round(people(count), [RoomSpec()] * rooms, seed, met, rules or Rules(), rounds=series)
        assert (dealt.left, bool(dealt.broken)) == ([], False)
        met.add(dealt.groups)
        played.append(dealt.groups)
    return played


def again(groups: Groups, met: Met) -> int:
    return sum(met.times[pair] > 0 for group in groups for pair in combinations(sorted(group), 2))


def splits(names: Sequence[str], sizes: Sequence[int]) -> Iterator[list[tuple[str, ...]]]:
    """Yield each way to split people into groups of these sizes."""
    if not sizes:
        yield []
        return
    for group in combinations(names, sizes[0]):
        rest = [name for name in names if name not in group]
        for others in splits(rest, sizes[1:]):
            yield [group, *others]


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
@pytest.mark.parametrize(
    ("count", "rooms", "rounds"),
    [
        (32, 8, 5),
        (100, 25, 6),
        (300, 60, 6),
        (1000, 200, 4),
        (25, 5, 6),
        (49, 7, 8),
        (9, 3, 4),
        (103, 25, 6),
        (50, 12, 8),
        (20, 10, 19),
        (21, 11, 21),
    ],
)
def test_nobody_meets_anybody_twice(count: int, rooms: int, rounds: int, seed: int) -> None:
    assert repeated_pairs(play(count, rooms, rounds, seed, series=rounds)) == 0


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 60), rooms=st.integers(1, 12), rounds=st.integers(1, 5), seed=SEEDS)
def test_each_round_has_everybody_once_and_rooms_that_differ_by_at_most_one(
    count: int, rooms: int, rounds: int, seed: int
) -> None:
    for groups in play(count, rooms, rounds, seed):
        assert sorted(chain(*groups)) == sorted(people(count))
        sizes = [len(group) for group in groups]
        assert max(sizes) - min(sizes) <= 1


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, luck=st.randoms(use_true_random=False))
def test_a_round_is_a_function_of_seed_people_rules_and_history(seed: int, luck: random.Random) -> None:
    rules = Rules(together=(("person-1", "person-2"),), apart=(("person-3", "person-4", "person-5"),))
    history = play(20, 5, 3, seed + 1)
    names = people(20)
    met = Met(history)
    first = deal_round(names, [RoomSpec()] * 5, seed, met, rules, rounds=40)
    luck.shuffle(names)
    assert deal_round(names, [RoomSpec()] * 5, seed, Met(history), rules, rounds=40) == first


def test_other_seeds_give_other_rounds() -> None:
    assert len({str(play(12, 3, 2, seed)) for seed in range(30)}) == 30


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(2, 8),
    rooms=st.integers(2, 4),
    seed=SEEDS,
    history=st.lists(st.integers(0, 2**31), max_size=4),
)
def test_few_people_meet_as_seldom_as_is_possible_at_all(count: int, rooms: int, seed: int, history: list[int]) -> None:
    """Among all ways to split them, none has fewer pairs that meet again."""
    met = Met()
    for one in history:
        shuffled = people(count)
        random.Random(one).shuffle(shuffled)
        met.add([shuffled[index::rooms] for index in range(rooms)])
    dealt = deal_round(people(count), [RoomSpec()] * rooms, seed, met)
    sizes = [len(group) for group in dealt.groups]
    assert again(dealt.groups, met) == min(again(groups, met) for groups in splits(people(count), sizes))


def test_pairs_that_must_meet_again_are_those_who_have_met_least() -> None:
    played = play(4, 2, 9, 1)
    met = Met(played)
    assert sorted(met.times.values()) == [3] * 6


@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=SEEDS)
def test_together_and_apart_hold_in_every_round(data: st.DataObject, seed: int) -> None:
    count, rooms = data.draw(st.integers(12, 40)), data.draw(st.integers(4, 8))
    luck = data.draw(st.randoms(use_true_random=False))
    names = people(count)
    luck.shuffle(names)
    together = (tuple(names[:2]), tuple(names[2:5]), (names[4], names[5]))
    apart = (tuple(names[5 : 5 + rooms]), (names[0], names[2]))
    rules = Rules(together, apart)
    for groups in play(count, rooms, 4, seed, rules):
        room_of = {person: index for index, group in enumerate(groups) for person in group}
        for one in together:
            assert len({room_of[person] for person in one}) == 1
        for one in apart:
            assert len({room_of[person] for person in one}) == len(one)


def test_rooms_are_even_although_some_sit_together() -> None:
    """Two rooms of five need both pairs and the three in the right places."""
    rules = Rules(together=(("person-0", "person-1", "person-2"), ("person-3", "person-4"), ("person-5", "person-6")))
    for seed in range(10):
        for groups in play(10, 2, 4, seed, rules):
            assert [len(group) for group in groups] == [5, 5]


def test_who_must_be_together_is_not_counted_as_a_repeated_pair() -> None:
    rules = Rules(together=(("person-0", "person-1"), ("person-1", "person-2")))
    played = play(24, 6, 3, 1, rules)
    assert repeated_pairs(played, rules.together) == 0
    assert repeated_pairs(played) == 3


def test_repeated_pairs_counts_each_pair_once() -> None:
    rounds = [[["a", "b", "c"], ["d"]], [["b", "a"], ["c", "d"]], [["a", "b"], ["d", "c"]]]
    assert repeated_pairs(rounds) == 2


def test_people_come_and_go_between_rounds() -> None:
    """Who stays does not meet the same people again, whoever else comes or goes."""
    met, everybody = Met(), people(60)
    for number in range(5):
        here = everybody[number * 4 : number * 4 + 40]
        dealt = deal_round(here, [RoomSpec()] * 10, 3, met, rounds=5)
        assert sorted(chain(*dealt.groups)) == sorted(here)
        assert again(dealt.groups, met) == 0
        met.add(dealt.groups)


def test_pins_and_limits_hold_in_every_round() -> None:
    rooms = [RoomSpec(("person-0", "person-1")), RoomSpec(("guest",), 3), RoomSpec(), RoomSpec(max_participants=2)]
    met = Met()
    for _ in range(4):
        dealt = deal_round(people(16), rooms, 5, met)
        met.add(dealt.groups)
        assert dealt.groups[0][:2] == ["person-0", "person-1"]
        assert dealt.groups[1][0] == "guest"
        assert [len(group) for group in dealt.groups] == [6, 3, 6, 2]


def test_who_finds_no_place_is_left() -> None:
    dealt = deal_round(people(5), [RoomSpec(max_participants=2)] * 2, 1, Met())
    assert ([len(group) for group in dealt.groups], len(dealt.left)) == ([2, 2], 1)


def test_those_for_whom_no_room_is_large_enough_are_seated_one_by_one() -> None:
    rules = Rules(together=(("person-0", "person-1", "person-2"),))
    dealt = deal_round(people(5), [RoomSpec(max_participants=2)] * 3, 1, Met(), rules)
    assert (sorted(len(group) for group in dealt.groups), dealt.left, dealt.broken) == ([1, 2, 2], [], rules)


def test_a_rule_that_cannot_be_kept_is_named() -> None:
    rules = Rules(together=(("person-0", "person-1"),), apart=(("person-2", "person-3", "person-4"),))
    dealt = deal_round(people(6), [RoomSpec()] * 2, 1, Met(), rules)
    assert dealt.broken.together == ()
    assert len(dealt.broken.apart) == 1
    assert set(dealt.broken.apart[0]) < {"person-2", "person-3", "person-4"}
    pinned = [RoomSpec(("person-0",)), RoomSpec(("person-1",))]
    assert deal_round(people(6), pinned, 1, Met(), rules).broken.together == (("person-0", "person-1"),)


def test_rounds_that_are_forgotten_do_not_come_again_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.domain.rounds.MOST_MEETINGS", 40)
    played = play(40, 4, 3, 1)
    assert all(set(map(frozenset, one)).isdisjoint(map(frozenset, other)) for one, other in combinations(played, 2))
    met = Met([[["a", "b"]], [people(9)], [["c", "d"]], [people(9)]])
    assert (met.rounds, met.forgotten, met.times["a", "b"], sum(met.times.values())) == (4, 2, 0, 37)


@pytest.mark.parametrize("count", [2, 3, 8, 9])
def test_everybody_meets_everybody_around_the_table(count: int) -> None:
    met = [tuple(sorted(pair)) for pairs in circle(count) for pair in pairs if len(pair) == 2]
    assert sorted(met) == list(combinations(range(count), 2))


@pytest.mark.parametrize(("count", "rooms", "turns"), [(12, 4, 2), (16, 4, 2), (25, 5, 6), (23, 5, 5), (1, 3, 1)])
def test_nobody_meets_again_while_rows_move_on(count: int, rooms: int, turns: int) -> None:
    rounds = list(shifts(count, rooms))
    met = [pair for groups in rounds for group in groups for pair in combinations(sorted(group), 2)]
    assert (len(rounds), len(met)) == (turns, len(set(met)))


def test_without_rooms_nobody_has_a_place() -> None:
    dealt = deal_round(people(3), [], 1, Met())
    assert (dealt.groups, dealt.left) == ([], people(3))


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), max_size=4),
    st.lists(st.lists(st.sampled_from([*people(6), "nobody"]), min_size=2, max_size=3, unique=True), max_size=2),
)
def test_repeated_pairs_are_those_that_are_found_one_by_one(
    rooms_of: list[list[int]], together: list[list[str]]
) -> None:
    rounds = [
        [[name for name, at in zip(people(6), rooms, strict=True) if at == it] for it in range(3)] for rooms in rooms_of
    ]  # who is in the fourth room is nowhere
    times = Counter(pair for groups in rounds for group in groups for pair in combinations(group, 2))
    joined = {frozenset(pair) for unit in units((), together) for pair in combinations(unit, 2)}
    assert repeated_pairs(rounds, together) == sum(
        count > 1 and frozenset(pair) not in joined for pair, count in times.items()
    )


def test_rounds_of_the_largest_rooms_fit_into_memory() -> None:
    tracemalloc.start()
    try:
        rounds = play(5000, 1, 3, 7, series=3)
        assert repeated_pairs(rounds) == 5000 * 4999 // 2
        assert tracemalloc.get_traced_memory()[1] < 200_000_000, "each pair takes a hundred bytes"
    finally:
        tracemalloc.stop()
