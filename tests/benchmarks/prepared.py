"""From the start of a prepared breakout until the last of 1,000 people's seats points to one of 100 rooms.

A call to RealtimeKit takes 100 ms, and then 2 s. It must make no difference, because no call is needed any more.
"""

import statistics
import time
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from tests.benchmarks.rig import rig
from tests.support.stack import JSON, Stack

ROOMS, PEOPLE, LATENCIES_MS, RUNS = 100, 1000, (100, 2000), 5
INVITED = text("SELECT count(*) FROM seat WHERE breakout_id = :id AND state = 'invited'")


def main() -> None:
    """Print a line per run, and the median and the best for each latency."""
    for latency_ms in LATENCIES_MS:
        with rig(latency_ms) as stack:
            rows = [_run(stack, latency_ms) for _ in range(RUNS)]
        answered, last = (sorted(column) for column in zip(*rows, strict=True))
        print(
            f"{latency_ms} ms: start answered in {statistics.median(answered):.3f} s, last of {PEOPLE} seats ready "
            f"after {statistics.median(last):.2f} s (median), {last[0]:.2f} s (best), {last[-1]:.2f} s (worst)"
        )


def _run(stack: Stack, latency_ms: float) -> tuple[float, float]:
    """Return the seconds until the response to the request, and until the last seat that is read points to its room."""
    made = stack.breakout(stack.meeting(PEOPLE), rooms=ROOMS, start="manual")
    path = f"/v1/breakouts/{made['id']}"
    begun = time.monotonic()
    stack.post(f"{path}/prepare")
    stack.wait(made["id"], "draft", 300, _is_prepared)
    prepared = time.monotonic() - begun
    before = _calls(stack)
    with create_engine(stack.environment["DATABASE_URL"].replace("://", "+psycopg://")).connect() as connection:
        begun = time.monotonic()
        stack.post(f"{path}/start")
        answered = time.monotonic() - begun
        while connection.scalar(INVITED, {"id": made["id"]}) < PEOPLE:
            connection.rollback()
            assert time.monotonic() - begun < 60, "they are never invited"
            time.sleep(0.002)
        last = time.monotonic() - begun
    calls = _calls(stack) - before
    print(f"{latency_ms} ms: prepared in {prepared:.1f} s, answered in {answered:.3f} s, last {last:.3f} s", end="")
    print(f", {calls} calls to RealtimeKit in between")
    stack.post(f"{path}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed", 300)
    return answered, last


def _is_prepared(breakout: JSON) -> bool:
    progress = breakout["progress"]
    return bool(progress["rooms"]["ready"] == ROOMS and progress["participants"]["admitted"] == PEOPLE)


def _calls(stack: Stack) -> int:
    answer: Any = httpx.get(f"{stack.sandbox.root}/_sandbox/calls", timeout=20, trust_env=False).json()
    return sum(answer["counts"].values())


if __name__ == "__main__":
    main()
