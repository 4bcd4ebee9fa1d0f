"""How late timers end: ten thousand are armed, and some of them end within a minute, 33 in each second.

Ours run with PostgreSQL, Valkey, two timekeepers, three workers as in compose.yaml, the API and the sandbox, all real.
One breakout of two rooms and four people is opened through the API. The ten thousand are copies of its rows
(tests/benchmarks/arming.py), and their timers are set in the table. From then on everything is real: the close, its
log, the calls that empty and retire rooms. Fifty browsers follow seats of closing breakouts. They are measured twice:
while nothing else happens, and while breakouts of 100 rooms and 1,000 people open, one after another, with RealtimeKit
calls of 100 ms; then only timers count that ended during an opening.

Beside ours, in the same run, as many timers as others keep them, each of which writes as many rows
(tests/benchmarks/rivals/timers.py): Celery's countdown, a look each second by beat, and a durable sleep of DBOS.

"decided" is the time of the event in the log, "told" the commit after which every seat says main, "in browser" the
arrival of that seat through the API's stream; all in milliseconds after `closes_at`. Nothing may end early.
"""

import argparse
import math
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import text

from tests.benchmarks.arming import PEOPLE, arm, open_original, set_timers
from tests.benchmarks.browsers import Browsers
from tests.benchmarks.frame import Of, Sheet, run
from tests.benchmarks.frame.figures import Figure
from tests.benchmarks.opener import Opener
from tests.benchmarks.rig import rig
from tests.benchmarks.rivals.celery_timers import beat_poll, countdown
from tests.benchmarks.rivals.durable_sleep import durable_sleep
from tests.benchmarks.rivals.timers import Place, Rival, lateness
from tests.benchmarks.usage import Usage
from tests.support.copies import Original
from tests.support.databases import engine_of
from tests.support.stack import Stack
from tests.support.waiting import wait_until

ARMED, EACH_SECOND, WITHIN_SECONDS, BROWSERS = 10_000, 100 / 3, 15, 50
LATENCY_MS = 100
OPENING_SECONDS = 3
"""How long an opening takes at least."""
LEAD_SECONDS = 5
"""From setting the timers to the first that may end."""
RIVALS: dict[str, Callable[[Place], AbstractContextManager[Rival]]] = {
    "Celery countdown": countdown,
    "beat poll": beat_poll,
    "DBOS sleep": durable_sleep,
}

LATENESS = """
    SELECT breakout.id, closes_at,
           extract(epoch FROM decided.at - closes_at) * 1000 AS decided,
           extract(epoch FROM pg_xact_commit_timestamp(told.xmin) - closes_at) * 1000 AS told
    FROM breakout
    JOIN event decided ON decided.breakout_id = breakout.id AND decided.type = 'breakout.state'
         AND decided.data ->> 'to' = 'closing'
    JOIN event told ON told.breakout_id = breakout.id AND told.type = 'participant.state'
         AND told.data ->> 'to' = 'returning' AND told.data ->> 'custom_participant_id' = 'p0'
    WHERE breakout.id = ANY(:ids)"""
"""One row per close of a breakout; the person's event is written with the change of their seat to main."""


@dataclass(frozen=True)
class Close:
    """How late one close was, in milliseconds."""

    closes_at: datetime
    decided: float
    told: float
    in_browser: float | None
    """None for one that no browser followed."""


def measure(sheet: Sheet, *, armed: int = ARMED, within: float = WITHIN_SECONDS, only: str | None = None) -> None:
    """Measure ours, then each rival."""
    timers = _timers(within)
    ours = sheet.figure("told, while nothing else happens", "ms", at_most=60, of=Of.P99)
    if only in (None, "ours"):
        _ours(sheet, armed, timers)
    for name, start in RIVALS.items():
        if only in (None, name):
            late = sheet.figure(name, "ms")
            late.add(*lateness(start, armed, timers))
            _say(late)
            assert late.value(Of.MIN) >= 0, f"a timer of {name} was early"
            if ours.values:
                sheet.figure(f"{name}, p99", "times ours").add(late.value(Of.P99) / ours.value(Of.P99))


def _say(late: Figure) -> None:
    """Print a figure as soon as it is there, because all of them take minutes."""
    print(f"{late.name}: p50 {late.value(Of.MEDIAN):.0f}, p99 {late.value(Of.P99):.0f} ms", flush=True)


def _timers(within: float) -> list[float]:
    """Return random times, in seconds from now."""
    number = round(EACH_SECOND * within)
    dice = random.Random(number)
    return [LEAD_SECONDS + dice.uniform(0, within) for _ in range(number)]


def _ours(sheet: Sheet, armed: int, timers: Sequence[float]) -> None:
    """Let timers end while nothing else happens, then while breakouts open."""
    closing = len(timers)
    with rig(LATENCY_MS, timekeepers=2, apart=True) as stack:
        stack.register_webhook()
        original = open_original(stack)
        arm(stack, original, armed, 2 * closing)
        opener = Opener(stack, math.ceil(max(timers) / OPENING_SECONDS))
        usage = Usage({name: process.pid for name, process in stack.all_processes().items()})
        idle = _close(stack, original, range(1, closing + 1), timers)
        for name, seconds in usage.spent().items():
            sheet.figure(f"processor time of {name}", "ms a close").add(seconds * 1000 / closing)
        _note(sheet, "while nothing else happens", idle)
        opener.open_for(max(timers))
        busy = _close(stack, original, range(closing + 1, 2 * closing + 1), timers)
        openings = opener.openings()
        sheet.figure("told, while 100 rooms open", "ms", at_most=150, of=Of.P99)
        during = [one for one in busy if any(begun < one.closes_at < open_at for begun, open_at in openings)]
        _note(sheet, "while 100 rooms open", during)


def _note(sheet: Sheet, when: str, closes: Sequence[Close]) -> None:
    for what in ("decided", "told", "in_browser"):
        late = sheet.figure(f"{what.replace('_', ' ')}, {when}", "ms")
        late.add(*(found for close in closes if (found := getattr(close, what)) is not None))
        _say(late)


def _close(stack: Stack, original: Original, numbers: range, timers: Sequence[float]) -> list[Close]:
    """Let these copies close."""
    breakout_ids = original.copies(numbers)
    of_whom = dict(zip(breakout_ids, original.meetings(numbers), strict=True))
    watched = breakout_ids[:: max(1, len(breakout_ids) // BROWSERS)]
    browsers = Browsers(stack.port, {one: stack.token(of_whom[one], f"p{PEOPLE - 1}") for one in watched})
    set_timers(stack, breakout_ids, timers)
    _wait_until_none_is(stack, breakout_ids, "open")
    wait_until(lambda: len(browsers.told) == len(watched), 60, every=0.5, what="all browsers told")
    browsers.close()
    _wait_until_none_is(stack, breakout_ids, "closing")
    rows = _read(stack, LATENESS, breakout_ids)
    assert sorted(row.id for row in rows) == sorted(breakout_ids), "not every breakout closed once"
    assert min(row.decided for row in rows) >= 0, "a breakout closed early"
    return [
        Close(
            row.closes_at,
            float(row.decided),
            float(row.told),
            (browsers.told[row.id] - row.closes_at.timestamp()) * 1000 if row.id in browsers.told else None,
        )
        for row in rows
    ]


def _wait_until_none_is(stack: Stack, breakout_ids: Sequence[str], state: str) -> None:
    left = f"SELECT count(*) AS left FROM breakout WHERE id = ANY(:ids) AND state = '{state}'"
    wait_until(lambda: not _read(stack, left, breakout_ids)[0].left, 300, every=1, what=f"none {state}")


def _read(stack: Stack, statement: str, breakout_ids: Sequence[str]) -> Sequence[Any]:
    engine = engine_of(stack.environment["DATABASE_URL"])
    with engine.connect() as connection:
        rows = connection.execute(text(statement), {"ids": list(breakout_ids)}).all()
    engine.dispose()
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["ours", *RIVALS], help="measure one of them")
    parser.add_argument("--armed", type=int, default=ARMED)
    parser.add_argument("--within", type=float, default=WITHIN_SECONDS, help="seconds in which timers end, 33 in each")
    return parser.parse_args()


if __name__ == "__main__":
    asked = _arguments()
    run("timers", partial(measure, armed=asked.armed, within=asked.within, only=asked.only))
