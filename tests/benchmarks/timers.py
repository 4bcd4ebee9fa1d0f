"""10,000 armed timers, 2,000 of which end within a minute: ours, and a plain Celery `countdown` beside them.

Ours run with PostgreSQL, Valkey, two timekeepers, two workers as in compose.yaml, the API and the sandbox, all real.
One breakout of two rooms and four people is opened through the API. The 10,000 are copies of its rows
(tests/benchmarks/arming.py), and their timers are set in the table. From then on everything is real: the close, its
log, the calls that empty and retire rooms. A hundred browsers follow seats of closing breakouts. All is measured twice:
with all processes up, and with one timekeeper killed in the middle.

Plain: as many Celery tasks with the same times, sent with `countdown` to one worker with the same pool and number of
threads. Each task writes about as many rows in one transaction (tests/benchmarks/countdown.py).

"decided" is the time of the event in the log, "told" the commit after which every seat says main, "in browsers" the
arrival of that seat through the API's stream; all in milliseconds after `closes_at`.
"""

import argparse
import os
import random
import statistics
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from tests.benchmarks import countdown
from tests.benchmarks.arming import PEOPLE, arm, open_original, set_timers
from tests.benchmarks.browsers import Browsers
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.usage import Usage
from tests.support.copies import Original
from tests.support.databases import engine_of
from tests.support.processes import Process
from tests.support.stack import Stack
from tests.support.waiting import wait_until

ARMED, CLOSING, WITHIN_SECONDS, BROWSERS = 10_000, 2_000, 60, 100
KINDS = ("api", "worker", "beat", "sandbox")
LEAD_SECONDS = 5
"""From setting the timers to the first that may end."""

LATENESS = """
    SELECT breakout.id, extract(epoch FROM closes_at) AS due,
           extract(epoch FROM decided.at - closes_at) * 1000 AS decided,
           extract(epoch FROM pg_xact_commit_timestamp(told.xmin) - closes_at) * 1000 AS told,
           count(*) OVER (PARTITION BY breakout.id) AS times
    FROM breakout
    JOIN event decided ON decided.breakout_id = breakout.id AND decided.type = 'breakout.state'
         AND decided.data ->> 'to' = 'closing'
    JOIN event told ON told.breakout_id = breakout.id AND told.type = 'participant.state'
         AND told.data ->> 'to' = 'returning' AND told.data ->> 'custom_participant_id' = 'p0'
    WHERE breakout.id = ANY(:ids)"""
"""One row per close of a breakout; the person's event is written with the change of their seat to main."""


def main() -> None:
    """Print a block of figures for each measurement."""
    asked = _arguments()
    if asked.only != "countdown":
        _ours(asked.armed, asked.closing)
    if asked.only != "ours":
        for limit in (None, 100):
            countdown.measure(asked.armed, timers(asked.closing), limit, print_lateness)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--armed", type=int, default=ARMED)
    parser.add_argument("--closing", type=int, default=CLOSING, help="of those, within a minute, in each measurement")
    parser.add_argument("--only", choices=["ours", "countdown"])
    return parser.parse_args()


def timers(number: int) -> list[float]:
    """Return random times, in seconds from now."""
    dice = random.Random(number)
    return [LEAD_SECONDS + dice.uniform(0, WITHIN_SECONDS) for _ in range(number)]


def _ours(armed: int, closing: int) -> None:
    with rig(timekeepers=2, apart=True) as stack:
        stack.register_webhook()
        original = open_original(stack)
        usage = Usage({name: process.pid for name, process in _processes(stack).items()})
        usage.note("before")
        arm(stack, original, armed, 2 * closing)
        usage.note("armed")
        print(f"ours: {armed} armed, {closing} close within {WITHIN_SECONDS} s")
        _measure(stack, original, range(1, closing + 1))
        usage.print_work(closing)
        usage.note("after")
        print(f"ours: {closing} more, and one of two timekeepers is killed amid it")
        threading.Timer(LEAD_SECONDS + WITHIN_SECONDS / 2, stack.timekeepers[0].kill).start()
        _measure(stack, original, range(closing + 1, 2 * closing + 1))
        usage.note("after")
        usage.print_memory()


def _processes(stack: Rig) -> dict[str, Process]:
    """Return everything that runs, by name."""
    numbers: Counter[str] = Counter()
    found = dict(stack.servers)
    for process in stack.processes.started:
        kind = next(word for part in process.command if (word := part.rpartition(".")[2]) in KINDS)
        numbers[kind] += 1
        found[f"{kind} {numbers[kind]}"] = process
    return found


def _measure(stack: Stack, original: Original, numbers: range) -> None:
    breakout_ids = original.copies(numbers)
    of_whom = dict(zip(breakout_ids, original.meetings(numbers), strict=True))
    watched = breakout_ids[:: max(1, len(breakout_ids) // BROWSERS)]
    browsers = Browsers(stack.port, {one: stack.token(of_whom[one], f"p{PEOPLE - 1}") for one in watched})
    set_timers(stack, breakout_ids, timers(len(breakout_ids)))
    _wait_until_none_is(stack, breakout_ids, "open")
    print(f"  load {os.getloadavg()[0]:.1f} when the last was decided")
    wait_until(lambda: len(browsers.told) == len(watched), 60, every=0.5, what="all browsers told")
    due = _print_figures(stack, breakout_ids)
    print_lateness("in browsers", [(at - due[one]) * 1000 for one, at in browsers.told.items()])
    browsers.close()
    _wait_until_none_is(stack, breakout_ids, "closing")
    assert len(_read(stack, LATENESS, breakout_ids)) == len(breakout_ids), "a breakout closed twice"


def _print_figures(stack: Stack, breakout_ids: Sequence[str]) -> dict[str, float]:
    """Print what the database has recorded. Returns when each was due, in seconds since the epoch."""
    found = _read(stack, LATENESS, breakout_ids)
    assert len(found) == len(breakout_ids), f"{len(found)} closes of {len(breakout_ids)} breakouts"
    assert all(row.times == 1 for row in found), "a breakout closed twice"
    print_lateness("decided", [row.decided for row in found])
    print_lateness("told", [row.told for row in found])
    return {row.id: float(row.due) for row in found}


def _wait_until_none_is(stack: Stack, breakout_ids: Sequence[str], state: str) -> None:
    """Wait until rooms are retired and people are given up, which may take longer than the timers did."""
    left = f"SELECT count(*) AS left FROM breakout WHERE id = ANY(:ids) AND state = '{state}'"
    wait_until(lambda: not _read(stack, left, breakout_ids)[0].left, 900, every=1, what=f"none {state}")


def _read(stack: Stack, statement: str, breakout_ids: Sequence[str]) -> Sequence[Any]:
    engine = engine_of(stack.environment["DATABASE_URL"])
    with engine.connect() as connection:
        rows = connection.execute(text(statement), {"ids": list(breakout_ids)}).all()
    engine.dispose()
    return rows


def print_lateness(what: str, milliseconds: Sequence[Any]) -> None:
    """Print one line, and check that none is early."""
    late = sorted(float(one) for one in milliseconds)
    p99 = late[int(len(late) * 0.99) - 1]
    print(
        f"  {what}: p50 {statistics.median(late):.0f} ms, p99 {p99:.0f} ms, max {late[-1]:.0f} ms, "
        f"earliest {late[0]:.1f} ms ({len(late)})",
        flush=True,
    )
    assert late[0] >= 0, "one was early"


if __name__ == "__main__":
    main()
