"""Known patterns of rounds in which nobody meets anybody twice. They yield the positions of the people in each room."""

from collections.abc import Iterator
from math import gcd


def circle(count: int) -> Iterator[list[list[int]]]:
    """Yield rounds of pairs by the circle method, until everybody has met everybody; of an odd number one is alone.

    One stays, the others move on by one place around a table in each round, and each meets who sits opposite.
    """
    places = count - 1 + count % 2
    for turn in range(places):
        opposite = [((turn + step) % places, (turn - step) % places) for step in range(1, (places + 1) // 2)]
        yield [[place for place in pair if place < count] for pair in [(turn, places), *opposite]]


def shifts(count: int, rooms: int) -> Iterator[list[list[int]]]:
    """Yield rounds until two would meet for the second time.

    The first person of each room stays, the second moves on by one room in each round, the third by two, and so on. Two
    who move on by different numbers meet again once the difference between them has gone around all rooms.
    """
    rows = -(-count // rooms)
    turns = min((rooms // gcd(rooms, apart) for apart in range(1, rows)), default=1)
    for turn in range(turns):
        groups: list[list[int]] = [[] for _ in range(rooms)]
        for place in range(count):
            row, room = divmod(place, rooms)
            groups[(room + row * turn) % rooms].append(place)
        yield groups
    if turns == rooms == rows and count == rows * rooms:
        yield [list(range(row * rooms, (row + 1) * rooms)) for row in range(rows)]
