"""Groups are evened out with the fewest moves."""

from itertools import chain, product

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.distribution import RoomSpec
from orchestrator.domain.evening import even_out


@given(
    groups=st.lists(st.integers(0, 7), min_size=1, max_size=5),
    newcomers=st.integers(0, 7),
    gone=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_sizes_differ_by_at_most_one_and_nobody_moves_in_vain(
    groups: list[int], newcomers: int, gone: int, seed: int
) -> None:
    before = [[f"r{room}p{number}" for number in range(size)] for room, size in enumerate(groups)]
    people = [*chain(*before)][gone:] + [f"new{number}" for number in range(newcomers)]
    after, left = even_out(before, people, [RoomSpec()] * len(before), seed)
    assert (sorted(chain(*after)), left) == (sorted(people), [])
    sizes = [len(group) for group in after]
    assert max(sizes) - min(sizes) <= 1
    here = [[person for person in group if person in people] for group in before]
    moved = sum(len(set(old) - set(new)) for old, new in zip(here, after, strict=True))
    assert moved == _fewest_moves([len(group) for group in here], len(people))
    assert after == even_out(before, reversed(people), [RoomSpec()] * len(before), seed)[0]


def _fewest_moves(sizes: list[int], people: int) -> int:
    """Try every even split."""
    least = people // len(sizes)
    splits = (split for split in product((least, least + 1), repeat=len(sizes)) if sum(split) == people)
    return min(sum(max(0, size - wanted) for size, wanted in zip(sizes, split, strict=True)) for split in splits)


def test_pins_and_limits_hold() -> None:
    rooms = [RoomSpec(("x", "y", "z")), RoomSpec(max_participants=1), RoomSpec()]
    after, left = even_out([[], ["a", "b", "c"], []], ["a", "b", "c", "d"], rooms, 1)
    assert (after[0], len(after[1]), len(after[2]), left) == (["x", "y", "z"], 1, 3, [])
    full, left = even_out([["a", "b"]], ["a", "b"], [RoomSpec(max_participants=1)], 1)
    assert (len(full[0]), len(left)) == (1, 1)


@given(
    groups=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=4),
    pinned=st.lists(st.booleans(), min_size=4, max_size=4),
    newcomers=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_hosts_lead_one_room_each_and_their_own_where_they_can(
    groups: list[tuple[int, int]], pinned: list[bool], newcomers: int, seed: int
) -> None:
    before = [
        [*(f"h{room}.{one}" for one in range(hosts)), *(f"r{room}.{one}" for one in range(others))]
        for room, (hosts, others) in enumerate(groups)
    ]
    rooms = [RoomSpec((f"h{index} pinned",) if pinned[index] else ()) for index in range(len(groups))]
    people = [*chain(*before), *(f"h new {number}" for number in range(newcomers))]
    hosts = {name for name in chain(people, *(room.pinned for room in rooms)) if name.startswith("h")}
    after, left = even_out(before, people, rooms, seed, hosts)
    leaders = [[name for name in group if name in hosts] for group in after]
    assert sum(map(len, leaders)) == min(len(rooms), len(hosts))
    assert all(len(those) <= 1 for those in leaders)
    for group, room, those in zip(before, rooms, leaders, strict=True):
        if not room.pinned and not hosts.isdisjoint(group):
            assert set(those) <= set(group)
    assert sorted(set(chain(*after)) - hosts) == sorted(set(people) - hosts)
    assert left == []
    sizes = [len(group) for group in after]
    assert max(sizes) - min(sizes) <= 1
