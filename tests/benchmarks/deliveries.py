"""How soon callers' servers hear what happens, while one of three hangs, and how late timers are beside that.

Changes of many breakouts are made as fast as the API takes them, while some breakouts close: once when nobody hears of
them, and once when each change is to be delivered to three endpoints: two answer at once, and the third takes every
request and never answers in time. The workers are those of compose.yaml, of which one keeps to timers.
"""

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import moments, rig
from tests.support.endpoint import CallersServer
from tests.support.stack import Stack
from tests.support.waiting import wait_until

DELIVERIES, BREAKOUTS, AT_ONCE = 1000, 20, 4
"""Deliveries to each endpoint, the breakouts whose changes they tell, and requests that change them at a time."""
TIMERS, FIRST_SECONDS, APART_SECONDS = 20, 2.0, 0.5
MORE = 1.5
"""How much later a timer may be. On two processors deliveries take their share of a machine that is busy already."""
HANGS_SECONDS = 30
"""Longer than a delivery waits for an answer."""


class Listener(CallersServer):
    """A caller's server that notes how many seconds after its event each delivery came."""

    def __init__(self) -> None:
        self.late: list[float] = []
        super().__init__()

    def take(self, raw: bytes, headers: dict[str, str]) -> int:
        """Keep one attempt, and when it came."""
        happened_at = datetime.fromisoformat(json.loads(raw)["timestamp"])
        self.late.append((datetime.now(UTC) - happened_at).total_seconds())
        return super().take(raw, headers)


def measure(sheet: Sheet, deliveries: int) -> None:
    """Change breakouts, wait until both servers have heard all of it, and read when the timers have ended."""
    hanging = CallersServer(wait_seconds=HANGS_SECONDS)
    with rig(apart=True) as stack, Listener() as first, Listener() as second, hanging as hangs:
        drafts = [stack.breakout(stack.meeting(0), rooms=1, start="manual")["id"] for _ in range(BREAKOUTS)]
        alone = _change(stack, drafts, deliveries)
        for server in (first, second, hangs):
            stack.post("/v1/webhook-endpoints", {"url": server.url, "events": ["breakout.changed"]})
        begun = time.monotonic()
        beside = _change(stack, drafts, deliveries)
        heard = first.heard, second.heard
        wait_until(lambda: min(map(len, heard)) >= deliveries, 300, every=0.1, what="all deliveries")
        took = time.monotonic() - begun
        assert hangs.heard, "the third server was never called"
    sheet.figure("heard after its event", "s").add(*first.late, *second.late)
    sheet.figure("deliveries to each server that answers", "a second").add(deliveries / took)
    sheet.figure("timers while nobody hears of the changes, late", "ms").add(*alone)
    sheet.figure("timers beside deliveries, late", "ms").add(*beside)
    sheet.figure("beside deliveries / without, median", at_most=MORE).add(median(beside) / median(alone))


def _change(stack: Stack, drafts: Sequence[str], times: int) -> list[float]:
    """Change breakouts while others close. Returns how many milliseconds late each of those began to close."""
    timed = _timed(stack)
    closing = _set_timers(stack, timed)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(partial(_rename, stack, drafts), range(times)))
    return [_late(stack, breakout_id, due) for breakout_id, due in zip(timed, closing, strict=True)]


def _timed(stack: Stack) -> list[str]:
    """Open breakouts that are to close."""
    timed = [stack.breakout(stack.meeting(0), rooms=1, warn_before_seconds=[])["id"] for _ in range(TIMERS)]
    for breakout_id in timed:
        stack.wait(breakout_id, "open")
    return timed


def _set_timers(stack: Stack, breakout_ids: Sequence[str]) -> list[datetime]:
    """Let them close one after another. Returns when."""
    first = datetime.now(UTC) + timedelta(seconds=FIRST_SECONDS)
    ends = [first + timedelta(seconds=number * APART_SECONDS) for number in range(len(breakout_ids))]
    for breakout_id, end in zip(breakout_ids, ends, strict=True):
        stack.patch(f"/v1/breakouts/{breakout_id}", {"closes_at": end.isoformat()})
    return ends


def _late(stack: Stack, breakout_id: str, due: datetime) -> float:
    stack.wait(breakout_id, "closed")
    return (moments(stack, breakout_id, "breakout.state", "closing")[0] - due).total_seconds() * 1000


def _rename(stack: Stack, breakout_ids: Sequence[str], number: int) -> None:
    stack.patch(f"/v1/breakouts/{breakout_ids[number % len(breakout_ids)]}", {"name": f"Round {number}"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=DELIVERIES)
    run("deliveries", partial(measure, deliveries=parser.parse_args().deliveries))
