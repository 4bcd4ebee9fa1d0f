"""From the start of a prepared breakout until the last of 1,000 people's seats points to one of 100 rooms.

A call to RealtimeKit takes 100 ms, and then 2 s. It must make no difference, because no call is needed any more.
"""

import time
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import rig
from tests.benchmarks.sizes import LARGE, Size
from tests.support.stack import JSON, Stack

WITHIN_SECONDS, RUNS = 0.3, {100: 5, 2000: 2}
"""How often it is measured, by the milliseconds that a call takes."""
INVITED = text("SELECT count(*) FROM seat WHERE breakout_id = :id AND state = 'invited'")


def measure(sheet: Sheet) -> None:
    """Prepare a breakout and start it, several times."""
    for latency_ms, runs in RUNS.items():
        measure_with(sheet, latency_ms, LARGE, runs, WITHIN_SECONDS)


def measure_with(sheet: Sheet, latency_ms: float, size: Size, runs: int, within: float) -> None:
    """Note the seconds until the request is answered and until the last seat points to its room, and the calls."""
    with rig(latency_ms) as stack:
        meeting = size.meeting(stack)
        for _ in range(runs):
            answered, last, calls = _start_prepared(stack, meeting, size)
            name = f"calls take {latency_ms:g} ms"
            sheet.figure(f"{name}: start answered", "s").add(answered)
            sheet.figure(f"{name}: last seat", "s", at_most=within).add(last)
            sheet.figure(f"{name}: calls meanwhile").add(calls)


def _start_prepared(stack: Stack, meeting: str, size: Size) -> tuple[float, float, int]:
    made = stack.breakout(meeting, rooms=size.rooms, start="manual")
    path = f"/v1/breakouts/{made['id']}"
    stack.post(f"{path}/prepare")
    stack.wait(made["id"], "draft", 300, lambda it: _is_prepared(it, size))
    before = _calls(stack)
    with create_engine(stack.environment["DATABASE_URL"].replace("://", "+psycopg://")).connect() as connection:
        begun = time.monotonic()
        stack.post(f"{path}/start")
        answered = time.monotonic() - begun
        while connection.scalar(INVITED, {"id": made["id"]}) < size.people:
            connection.rollback()
            assert time.monotonic() - begun < 60, "they are never invited"
            time.sleep(0.002)
        last = time.monotonic() - begun
    calls = _calls(stack) - before
    stack.post(f"{path}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed", 300)
    return answered, last, calls


def _is_prepared(breakout: JSON, size: Size) -> bool:
    progress = breakout["progress"]
    return bool(progress["rooms"]["ready"] == size.rooms and progress["participants"]["admitted"] == size.people)


def _calls(stack: Stack) -> int:
    answer: Any = httpx.get(f"{stack.sandbox.root}/_sandbox/calls", timeout=20, trust_env=False).json()
    return sum(answer["counts"].values())


if __name__ == "__main__":
    run("prepared", measure)
