"""How many lifecycles of small breakouts a machine holds: 4 rooms and 20 people, started at a steady rate.

Each breakout starts at once and closes by its timer. Its people's browsers keep seat streams and ack where they are
sent, and RealtimeKit's webhooks say the same. The rate rises step by step. It is held as long as breakouts open about
as soon as at the lowest rate. The memory of our processes is compared before the first step and after the last.
"""

import statistics
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from sqlalchemy import text

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.signing import Signer
from tests.benchmarks.usage import Machine, Usage, megabytes
from tests.benchmarks.visitors import crowded_meetings
from tests.support.databases import engine_of
from tests.support.waiting import wait_until

ROOMS, PEOPLE, OPEN_SECONDS, LATENCY_MS = 4, 20, 10, 20
RATES, STEP_SECONDS = (30, 60, 90, 120, 150, 180), 40
"""Lifecycles a minute, and how long each rate lasts."""
MEETINGS = 60
"""Each has one breakout at a time, which takes some 15 s."""
FLAT = 2.0
"""How many times longer than at the lowest rate an opening may take at the median."""
DEADLINE_SECONDS = 120
ENDED = text("""
    SELECT extract(epoch FROM opened_at - starts_at) * 1000 AS opened,
           extract(epoch FROM sent_home_at - closes_at) * 1000 AS told
    FROM breakout WHERE id = ANY(:ids) AND state = 'closed'""")


def measure(sheet: Sheet) -> None:
    """Raise the rate step by step, until it is not held any more or is the highest."""
    signer = Signer()
    with rig(LATENCY_MS, apart=True, REALTIMEKIT_WEBHOOK_PUBLIC_KEY=signer.public_key) as stack:
        meetings, crowd = crowded_meetings(stack, MEETINGS, PEOPLE, signer)
        _live_through(stack, meetings, RATES[0])  # what is done once in a process is not counted
        before = {name: megabytes(pid) for name, pid in stack.ours.items()}
        lived, held, at_first = 0, 0, 0.0
        for rate in RATES:
            opened = _measure_rate(sheet, stack, meetings, rate)
            lived += len(opened)
            at_first = at_first or statistics.median(opened)
            if statistics.median(opened) > FLAT * at_first:
                break
            held = rate
        sheet.figure("lifecycles held", "a minute").add(held)
        for name, memory in before.items():
            grown = megabytes(stack.ours[name]) / memory
            sheet.figure(f"memory of {name} after {lived} lifecycles", "times that before").add(grown)
        crowd.close()


def _measure_rate(sheet: Sheet, stack: Rig, meetings: Sequence[str], rate: int) -> list[float]:
    """Note what one rate costs. Returns after how many milliseconds each breakout was open."""
    machine, usage = Machine(), Usage({name: process.pid for name, process in stack.all_processes().items()})
    rows = _live_through(stack, meetings, rate)
    name = f"{rate} a minute"
    opened = [float(row.opened) for row in rows]
    sheet.figure(f"{name}: open after", "ms").add(*opened)
    sheet.figure(f"{name}: sent home after the timer", "ms").add(*(float(row.told) for row in rows))
    sheet.figure(f"{name}: processors busy", "%").add(machine.busy())
    for process, seconds in usage.spent().items():
        sheet.figure(f"{name}: {process}", "ms of processor time each").add(seconds * 1000 / len(rows))
    return opened


def _live_through(stack: Rig, meetings: Sequence[str], rate: int) -> Sequence[Any]:
    """Start breakouts at a rate, and wait until all have closed."""
    begun, ids = time.monotonic(), []
    for number, meeting in zip(range(round(rate * STEP_SECONDS / 60)), cycle(meetings), strict=False):
        time.sleep(max(0.0, begun + number * 60 / rate - time.monotonic()))
        made = stack.breakout(
            meeting, rooms=ROOMS, duration_seconds=OPEN_SECONDS, countdown_seconds=0, warn_before_seconds=[]
        )
        ids.append(made["id"])
    engine = engine_of(stack.environment["DATABASE_URL"])

    def closed() -> Sequence[Any]:
        with engine.connect() as connection:
            return connection.execute(ENDED, {"ids": ids}).all()

    wait_until(lambda: len(closed()) == len(ids), DEADLINE_SECONDS, every=1, what="all breakouts closed")
    rows = closed()
    engine.dispose()
    return rows


if __name__ == "__main__":
    run("sustained", measure)
