"""`GET /v1/breakouts/{id}` on an idle system, of an open breakout and of the largest plan, and that plan from a file.

The client's time counts.
"""

import time
from collections.abc import Callable

import httpx

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.frame.figures import Figure
from tests.benchmarks.rig import rig
from tests.benchmarks.sizes import LARGE, LARGEST
from tests.support.stack import Stack

REQUESTS, IMPORTS = 100, 5


def measure(sheet: Sheet) -> None:
    """Ask a hundred times, one after another, and import a file five times."""
    with rig() as stack:
        made = stack.breakout(LARGE.meeting(stack), rooms=LARGE.rooms, record=True)
        stack.wait(made["id"], "open")
        size = _read(sheet.figure("answer", "ms"), stack, made["id"])
        draft = _import(sheet.figure("file of 5,000 people", "ms", at_most=1000), stack)
        _read(sheet.figure("answer about 5,000 people", "ms", at_most=150), stack, draft)
    sheet.figure("size", "kB").add(size / 1000)


def _read(took: Figure, stack: Stack, breakout_id: str) -> int:
    """Read a breakout many times. Returns the bytes of an answer."""
    answers = [_timed(took, lambda: stack.api.get(f"/v1/breakouts/{breakout_id}")) for _ in range(REQUESTS)]
    return len(answers[-1].content)


def _import(took: Figure, stack: Stack) -> str:
    """Make plans of the largest size from a file. Returns the id of the last."""
    path = f"/v1/meetings/{LARGEST.meeting(stack)}/breakouts/import"
    rows = [f"Room {number % LARGEST.rooms},p{number}" for number in range(LARGEST.people)]
    file, kind = "\r\n".join(["room,custom_participant_id", *rows]), {"Content-Type": "text/csv"}
    answers = [_timed(took, lambda: stack.api.post(path, content=file, headers=kind)) for _ in range(IMPORTS)]
    assert [answer.json()["used"] for answer in answers] == [LARGEST.people] * IMPORTS
    return str(answers[-1].json()["breakout"]["id"])


def _timed(took: Figure, ask: Callable[[], httpx.Response]) -> httpx.Response:
    begun = time.monotonic()
    answer = ask().raise_for_status()
    took.add((time.monotonic() - begun) * 1000)
    return answer


if __name__ == "__main__":
    run("report", measure)
