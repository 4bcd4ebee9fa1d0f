"""Latecomers: each goes where no rule is broken, if there is a place."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.distribution import RoomNow, deal_further
from orchestrator.domain.latecomers import deal_by_rules
from orchestrator.domain.rules import Rules, broken

NO_RULES = Rules()


def test_who_must_be_together_with_somebody_goes_there_and_who_must_be_apart_does_not() -> None:
    rooms = [RoomNow(1), RoomNow(9), RoomNow(5)]
    groups = [["ana"], ["bo"], []]
    rules = Rules(together=(("bo", "cy"),), apart=(("ana", "di", "cy"),))
    assert deal_by_rules(["cy", "di"], rooms, groups, rules, 1) == {"cy": 1, "di": 2}


def test_a_place_goes_before_a_rule() -> None:
    rooms = [RoomNow(1, 2), RoomNow(1, 1)]
    assert deal_by_rules(["bo"], rooms, [["ana"], []], Rules(apart=(("ana", "bo"),)), 1) == {"bo": 0}
    assert deal_by_rules(["bo"], [RoomNow(1, 1)], [["ana"]], Rules(together=(("ana", "bo"),)), 1) == {"bo": None}


def test_hosts_are_dealt_one_to_a_room_and_further_ones_are_left_out() -> None:
    rooms = [RoomNow(1, has_host=True), RoomNow(3)]
    placed = deal_by_rules(["h1", "h2"], rooms, [[], []], Rules(apart=(("h1", "h2"),)), 1, hosts={"h1", "h2"})
    assert list(placed.values()) == [1]


@given(st.integers(0, 9), st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_without_rules_it_is_the_plain_deal_and_with_rules_all_have_places_too(people: int, sizes: list[int]) -> None:
    names, rooms = [f"p{number}" for number in range(people)], [RoomNow(size, 6) for size in sizes]
    empty: list[list[str]] = [[] for _ in rooms]
    assert deal_by_rules(names, rooms, empty, NO_RULES, 5) == deal_further(names, rooms, 5)
    rules = Rules(together=(("p0", "p1"),), apart=(("p2", "p3"),))
    placed = deal_by_rules(names, rooms, empty, rules, 5)
    places = sum(6 - size for size in sizes)
    assert sum(index is not None for index in placed.values()) == min(people, places)
    if len(rooms) > 1 and max(sizes) <= 3 and people > 3:
        groups = [[name for name, index in placed.items() if index == room] for room in range(len(rooms))]
        assert not broken(Rules(apart=rules.apart), groups)
