"""How the work of opening and closing a breakout grows with it: from 10 rooms and 100 people to 500 and 5,000.

The work is processor time of the API, the worker, the timekeeper and PostgreSQL, and the number of statements that
PostgreSQL gets, transactions included. What the same processes do in the same time while nothing happens is taken off.
Nobody joins, so that only opening and closing count. y ~ x^k is fitted to each line; k is its exponent.
"""

import time
from dataclasses import dataclass

import psycopg

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.usage import Usage
from tests.support.stack import Stack
from tests.support.waiting import wait_until

SIZES = ((10, 100), (25, 250), (50, 500), (100, 1000), (250, 2500), (500, 5000))
"""Rooms and people."""
RUNS = 3
IDLE_SECONDS = 5
DEADLINE_SECONDS = 120
MOST = 1.05


@dataclass(frozen=True)
class Work:
    """What was done in a time: seconds of processors, and statements."""

    seconds: float
    processor: float
    statements: float

    def __sub__(self, other: "Work") -> "Work":
        """Return what was done since."""
        return Work(self.seconds - other.seconds, self.processor - other.processor, self.statements - other.statements)

    def beside(self, idle: "Work") -> "Work":
        """Return it without what is done in as much time while nothing happens."""
        share = self.seconds / idle.seconds
        processor, statements = self.processor - share * idle.processor, self.statements - share * idle.statements
        return Work(self.seconds, processor, statements)


class Meter:
    """Reads how much was done until now."""

    def __init__(self, stack: Rig) -> None:
        self._usage = Usage({**stack.ours, "PostgreSQL": stack.servers["PostgreSQL"].pid})
        self._connection = psycopg.connect(stack.environment["DATABASE_URL"], autocommit=True)
        self._connection.execute("CREATE EXTENSION pg_stat_statements")

    def read(self) -> Work:
        """Return what was done since the beginning."""
        row = self._connection.execute("SELECT sum(calls) FROM pg_stat_statements").fetchone()
        assert row is not None
        return Work(time.monotonic(), sum(self._usage.spent().values()), float(row[0]))

    def close(self) -> None:
        """Close its connection."""
        self._connection.close()


def measure(sheet: Sheet) -> None:
    """Open and close breakouts of each size."""
    processor = sheet.plot("Processor time by size", x="people, in a tenth as many rooms", y="seconds")
    statements = sheet.plot("Statements by size", x="people, in a tenth as many rooms", y="statements")
    with rig(counting=True, RETURN_GRACE_SECONDS="1") as stack:
        meter = Meter(stack)
        _run(stack, meter, *SIZES[0])  # compiles what the first of everything compiles
        begun = meter.read()
        time.sleep(IDLE_SECONDS)
        idle = meter.read() - begun
        for rooms, people in SIZES:
            found = [_run(stack, meter, rooms, people) for _ in range(RUNS)]
            for what, works in (("open", [one[0] for one in found]), ("close", [one[1] for one in found])):
                own = [work.beside(idle) for work in works]
                processor.line(what).add(people, min(work.processor for work in own))
                statements.line(what).add(people, min(work.statements for work in own))
                sheet.figure(f"{what}, {people} people", "ms of processor each").add(
                    *(work.processor * 1000 / people for work in own)
                )
                sheet.figure(f"{what}, {people} people: statements", "each").add(
                    *(work.statements / people for work in own)
                )
        meter.close()
    for plot in (processor, statements):
        for line in plot.lines:
            sheet.figure(f"{plot.name}, {line.label}: exponent", at_most=MOST).add(line.exponent)


def _run(stack: Stack, meter: Meter, rooms: int, people: int) -> tuple[Work, Work]:
    """Open a breakout and close it. Returns the work of both."""
    meeting = stack.meeting(people)
    breakout = str(stack.breakout(meeting, rooms=rooms, start="manual")["id"])
    begun = meter.read()
    stack.post(f"/v1/breakouts/{breakout}/start")
    _wait(stack, meeting, "open")
    opened = meter.read()
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    _wait(stack, meeting, "closed")
    return opened - begun, meter.read() - opened


def _wait(stack: Stack, meeting: str, state: str) -> None:
    """Look without reading rooms and people, which would be work of its own."""
    path = f"/v1/meetings/{meeting}/breakouts"
    wait_until(
        lambda: stack.get(path)["items"][0]["state"] == state, DEADLINE_SECONDS, every=0.25, what=f"breakout {state}"
    )


if __name__ == "__main__":
    run("growth", measure)
