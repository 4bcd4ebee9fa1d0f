"""`GET /v1/breakouts/{id}` of 100 rooms and 1,000 people, all recorded, on an idle system; the client's time counts."""

import time

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import rig

ROOMS, PEOPLE, REQUESTS = 100, 1000, 100


def measure(sheet: Sheet) -> None:
    """Read it a hundred times, one after another."""
    took = sheet.figure("answer", "ms")
    with rig() as stack:
        made = stack.breakout(stack.meeting(PEOPLE), rooms=ROOMS, record=True)
        stack.wait(made["id"], "open", 60)
        for _ in range(REQUESTS):
            begun = time.monotonic()
            answer = stack.api.get(f"/v1/breakouts/{made['id']}")
            took.add((time.monotonic() - begun) * 1000)
    sheet.figure("size", "kB").add(len(answer.content) / 1000)


if __name__ == "__main__":
    run("report", measure)
