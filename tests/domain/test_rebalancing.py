"""Dissolving small rooms: who goes where, by a table. People are letters, capitals are there."""

from collections.abc import Sequence

import pytest

from orchestrator.domain.rebalancing import Filled, rebalance

RULES: dict[str, tuple[list[str], int, list[str | None], str]] = {
    # rooms (with /limit), the least size, the rooms afterwards (None: dissolved), who finds no place
    "nothing is small": (["AB", "CD"], 2, ["AB", "CD"], ""),
    "the smallest goes to the least filled": (["A", "BC", "DEF"], 2, [None, "BCA", "DEF"], ""),
    "of two small ones the first goes into the second, which is counted anew": (
        ["A", "B", "CDE"],
        2,
        [None, "BA", "CDE"],
        "",
    ),
    "one that is still too small afterwards goes on": (["A", "B", "CDE"], 3, [None, None, "CDEBA"], ""),
    "people spread over the least filled": (["ABC", "DEFG", "HIJKL"], 4, [None, "DEFGAB", "HIJKLC"], ""),
    "who is there counts, not who belongs there": (["Abcdef", "GH"], 2, [None, "GHAbcdef"], ""),
    "those who are there go before those who are not": (["aB", "CD", "EF"], 2, [None, "CDB", "EFa"], ""),
    "an empty room is dissolved": (["", "AB"], 2, [None, "AB"], ""),
    "a room of people who are not there is dissolved": (["ab", "CD", "EF"], 2, [None, "CDa", "EFb"], ""),
    "of empty rooms one stays": (["", "", ""], 2, [None, None, ""], ""),
    "the last room stays": (["A"], 2, ["A"], ""),
    "of rooms that are all too small one stays": (["A", "B"], 5, [None, "BA"], ""),
    "limits hold": (["A", "BC/2", "DEF"], 2, [None, "BC/2", "DEFA"], ""),
    "a room without a place for all stays whole": (["aB", "CD/3", "EF/2"], 2, ["aB", "CD/3", "EF/2"], "0"),
    "of two with as many there the one with fewer people is smaller": (
        ["Ab", "C", "DE/3"],
        2,
        ["AbC", None, "DE/3"],
        "",
    ),
    "one without a place takes others": (["A/1", "BC/2", "D/2"], 2, [None, "BC/2", "DA/2"], ""),
    "full rooms everywhere": (["A/1", "B/1"], 2, ["A/1", "B/1"], "01"),
    "a room above its limit has no place": (["A", "BCD/2"], 2, ["A", "BCD/2"], "0"),
}


def filled(text: str) -> Filled:
    people, _, limit = text.partition("/")
    there = frozenset(person for person in people if person.isupper())
    return Filled(tuple(people), there, int(limit) if limit else None)


def after(rooms: Sequence[str], min_room_size: int) -> tuple[list[str | None], str]:
    decided = rebalance([filled(room) for room in rooms], min_room_size)
    now: list[list[str]] = [list(room.partition("/")[0]) for room in rooms]
    for move in decided.moves:
        now[move.from_room].remove(move.person)
        now[move.to_room].append(move.person)
    limits = [room.partition("/")[1] + room.partition("/")[2] for room in rooms]
    found: list[str | None] = ["".join(people) + limit for people, limit in zip(now, limits, strict=True)]
    for index in decided.dissolved:
        assert found[index] == limits[index], "a dissolved room has nobody"
        found[index] = None
    return found, "".join(map(str, decided.without_place))


@pytest.mark.parametrize(("rooms", "size", "expected", "without_place"), RULES.values(), ids=RULES)
def test_rule(rooms: list[str], size: int, expected: list[str | None], without_place: str) -> None:
    found, stuck = after(rooms, size)
    assert [room and sorted(room) for room in found] == [room and sorted(room) for room in expected]
    assert stuck == without_place


def test_everybody_moves_once_from_where_they_are() -> None:
    decided = rebalance([filled("A"), filled("B"), filled("CDE")], 3)
    assert [(it.person, it.from_room, it.to_room) for it in decided.moves] == [("A", 0, 2), ("B", 1, 2)]
