"""Whether memory stays flat: thousands of breakouts, one after another in each of many meetings.

A breakout has one room, which is recorded, and two people, who go there and come home. Each meeting gets its next
breakout as soon as the last one has closed, so the machine sets the rate: ten thousand (`--lifecycles 10000`) take an
hour where 170 live in a minute.
"""

import argparse
import time
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Engine, text

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.signing import Signer
from tests.benchmarks.usage import megabytes
from tests.benchmarks.visitors import crowded_meetings
from tests.support.databases import engine_of

MEETINGS, PEOPLE, OPEN_SECONDS = 60, 2, 10
WARM, LIFECYCLES, STEP = 500, 2_000, 250
"""Memory is compared with what it was after `WARM` lifecycles, and shown after every `STEP`."""
FLAT = 1.1
LOOK_EVERY_SECONDS, STUCK_SECONDS = 0.5, 120
PLAN = {
    "rooms": 1,
    "record": True,
    "duration_seconds": OPEN_SECONDS,
    "countdown_seconds": 0,
    "warn_before_seconds": [],
}
FREE = text("""
    SELECT id FROM meeting WHERE NOT EXISTS (
        SELECT FROM breakout WHERE meeting_id = meeting.id AND state NOT IN ('closed', 'failed', 'cancelled'))""")
CLOSED = text("SELECT count(*) FROM breakout WHERE state = 'closed'")


def measure(sheet: Sheet, *, lifecycles: int = LIFECYCLES) -> None:
    """Let one breakout after another live in each meeting, and note the memory of each process now and then."""
    signer = Signer()
    with rig(apart=True, REALTIMEKIT_WEBHOOK_PUBLIC_KEY=signer.public_key) as stack:
        _, crowd = crowded_meetings(stack, MEETINGS, PEOPLE, signer)
        engine = engine_of(stack.environment["DATABASE_URL"])
        begun = time.monotonic()
        _live_through(stack, engine, WARM)
        warm = {name: megabytes(pid) for name, pid in stack.ours.items()}
        _note(sheet, stack, warm, WARM)
        for lived in range(WARM + STEP, lifecycles + 1, STEP):
            _live_through(stack, engine, lived)
            _note(sheet, stack, warm, lived)
        minutes = (time.monotonic() - begun) / 60
        engine.dispose()
        sheet.figure("lifecycles", "a minute").add(lifecycles / minutes)
        for name, memory in warm.items():
            sheet.figure(f"{name} after {WARM:,} lifecycles", "MB").add(memory)
            grown = megabytes(stack.ours[name]) / memory
            sheet.figure(f"{name} after {lifecycles:,}, times that", at_most=FLAT).add(grown)
        crowd.close()


def _live_through(stack: Rig, engine: Engine, lifecycles: int) -> None:
    """Start breakouts in free meetings until so many have closed. Raises AssertionError when none closes any more."""
    closed, changed_at = 0, time.monotonic()
    while True:
        with engine.connect() as connection:
            now, free = connection.scalar(CLOSED), connection.scalars(FREE).all()
        if now != closed:
            closed, changed_at = now, time.monotonic()
        if closed >= lifecycles:
            return
        assert time.monotonic() - changed_at < STUCK_SECONDS, f"no breakout has closed after the first {closed}"
        for meeting in free:
            stack.breakout(meeting, **PLAN)
        time.sleep(LOOK_EVERY_SECONDS)


def _note(sheet: Sheet, stack: Rig, warm: Mapping[str, float], lived: int) -> None:
    plot = sheet.plot("memory", "lifecycles", "times that of the beginning", logarithmic=False)
    for name, pid in stack.ours.items():
        plot.line(name).add(lived, megabytes(pid) / warm[name])
    print(f"{lived} lifecycles: {', '.join(f'{name} {megabytes(pid):.0f} MB' for name, pid in stack.ours.items())}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory", description=__doc__)
    parser.add_argument("--lifecycles", type=int, default=LIFECYCLES)
    run("memory", partial(measure, **vars(parser.parse_args())))
