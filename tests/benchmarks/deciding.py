"""What it costs to decide where everybody belongs, in processor time: pure functions, for the largest breakout.

A request waits for each of these, or a task that holds a breakout's lock.
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from orchestrator.domain.conflicts import conflict
from orchestrator.domain.constraints import Constraints
from orchestrator.domain.distribution import RoomSpec, distribute
from orchestrator.domain.rounds import Met, deal_round
from orchestrator.domain.rules import Rules
from orchestrator.domain.seating_plan import plan_of
from orchestrator.domain.sheets import read_rows
from tests.benchmarks.frame import Sheet, run

PEOPLE, ROOMS, RUNS = [f"p{number}@x.org" for number in range(5000)], [RoomSpec()] * 500, 5
DEAL_MS, ROUNDS_MS, FILE_MS, CONFLICT_MS = 100, 1000, 1000, 5000
"""How much each may cost."""
FILE = "room,email,name\r\n" + "".join(f"Room {n % 500},{name},\u00c4nne {n}\r\n" for n, name in enumerate(PEOPLE))


def measure(sheet: Sheet) -> None:
    """Decide everything five times."""
    works: list[tuple[str, Callable[[], object], int]] = [
        ("deal 5,000 people into 500 rooms", lambda: distribute(PEOPLE, ROOMS, 1), DEAL_MS),
        ("4 rounds of 1,000 people in 200 rooms", partial(_play, 1000, 200, 4), ROUNDS_MS),
        ("6 rounds of 100 people in 25 rooms", partial(_play, 100, 25, 6), ROUNDS_MS),
        ("a file of 5,000 people", lambda: plan_of(read_rows(FILE.encode()), set(PEOPLE), register=False), FILE_MS),
        ("a conflict among rules of 5,000 people", _conflict, CONFLICT_MS),
    ]
    for _ in range(RUNS):
        for name, work, most in works:
            begun = time.process_time()
            work()
            sheet.figure(name, "ms", at_most=most).add((time.process_time() - begun) * 1000)


def _play(count: int, rooms: int, rounds: int) -> None:
    """Deal rounds in which nobody meets anybody twice. With few free places each is searched for the longest."""
    met = Met()
    for _ in range(rounds):
        met.add(deal_round(PEOPLE[:count], ROOMS[:rooms], 0, met, Rules(), rounds=rounds).groups)


def _conflict() -> None:
    together = tuple(pairwise(PEOPLE))
    rules = Rules(together=together, apart=((PEOPLE[0], PEOPLE[4]),))
    names = tuple(f"Room {number}" for number in range(len(ROOMS)))
    assert conflict(Constraints(frozenset(PEOPLE), tuple(ROOMS), names, rules))


if __name__ == "__main__":
    run("deciding", measure)
