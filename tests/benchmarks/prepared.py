"""From the start of a prepared breakout until the last of 1,000 people's seats points to one of 100 rooms.

A call to RealtimeKit takes 100 ms, and then 2 s. It must make no difference, because no call is needed any more. Only
while it is prepared, which nobody waits for, calls are quick.
"""

import time
from collections.abc import Sequence
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.sizes import LARGE, Size
from tests.support.stack import JSON, Stack

WITHIN_SECONDS, RUNS = 0.3, 5
LATENCIES_MS, QUICK_MS = (100, 2000), 20
INVITED = text("SELECT count(*) FROM seat WHERE breakout_id = :id AND state = 'invited'")


def measure(sheet: Sheet) -> None:
    """Prepare a breakout and start it, several times."""
    measure_with(sheet, LATENCIES_MS, LARGE, WITHIN_SECONDS)


def measure_with(sheet: Sheet, latencies_ms: Sequence[float], size: Size, within: float) -> None:
    """Note the seconds until the request is answered and until the last seat points to its room, and the calls."""
    with rig(RETURN_GRACE_SECONDS="1") as stack:
        meeting = size.meeting(stack)
        for latency_ms in latencies_ms:
            for _ in range(RUNS):
                answered, last, calls = _start_prepared(stack, meeting, size, latency_ms)
                name = f"calls take {latency_ms:g} ms"
                sheet.figure(f"{name}: start answered", "s").add(answered)
                sheet.figure(f"{name}: last seat", "s", at_most=within).add(last)
                sheet.figure(f"{name}: calls meanwhile").add(calls)


def _start_prepared(stack: Rig, meeting: str, size: Size, latency_ms: float) -> tuple[float, float, int]:
    made = stack.breakout(meeting, rooms=size.rooms, start="manual")
    path = f"/v1/breakouts/{made['id']}"
    stack.sandbox.latency(QUICK_MS)
    stack.post(f"{path}/prepare")
    stack.wait(made["id"], "draft", 300, lambda it: _is_prepared(it, size))
    stack.sandbox.latency(latency_ms)
    before = _calls(stack)
    with create_engine(stack.environment["DATABASE_URL"].replace("://", "+psycopg://")).connect() as connection:
        begun = time.monotonic()
        stack.post(f"{path}/start")
        answered = time.monotonic() - begun
        while connection.scalar(INVITED, {"id": made["id"]}) < size.people:
            connection.rollback()
            assert time.monotonic() - begun < 60, "they are never invited"
            time.sleep(0.01)
        last = time.monotonic() - begun
    calls = _calls(stack) - before
    stack.sandbox.latency(QUICK_MS)
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
