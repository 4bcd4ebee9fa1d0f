"""From `start` to the last person's seat: 100 rooms, 1,000 people, calls of 100 ms, and calls of 50 to 150 ms.

The floor is a bare asyncio script that makes the same 1,100 calls with as many in flight and stores nothing. Beside it
and ours, in the same run, what others would write (tests/benchmarks/rivals/openings.py): a chord of chains in Celery on
threads and on processes, durable workflows of DBOS, and a plain loop, which opens a tenth and counts ten times. Ours
runs a worker for each processor, which share what is in flight. How busy all processors are meanwhile tells whether
more of them would make it faster.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
import httpx
from sqlalchemy import Engine, text

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import Rig, moments, rig
from tests.benchmarks.rivals import openings
from tests.benchmarks.rivals.celery_chord import prefork, threads
from tests.benchmarks.rivals.durable_steps import durable_steps
from tests.benchmarks.rivals.openings import Place, Start
from tests.benchmarks.sizes import LARGE, Size
from tests.benchmarks.usage import Machine
from tests.support.databases import engine_of
from tests.support.waiting import wait_until

IN_FLIGHT, RUNS, RIVAL_RUNS = 100, 5, 3
AT_MOST = 1.3
LATENCIES = {"100 ms": {"default_ms": 100}, "50 to 150 ms": {"default_ms": 50, "jitter_ms": 100}}
RIVALS: dict[str, Start] = {
    "Celery chord, threads": threads,
    "Celery chord, processes": prefork,
    "DBOS workflows": durable_steps,
}
STATE = text("SELECT state FROM breakout WHERE id = :id")
DEADLINE_SECONDS = 300
LOOP_SHARE = 10


@dataclass(frozen=True)
class Ours:
    """How long one opening took, in seconds from its `start`."""

    first: float
    last: float
    busy: float
    """The share of all processors' time that was worked, in per cent."""


def measure(sheet: Sheet) -> None:
    """Measure ours beside the floor, then each rival."""
    with opener() as stack:
        for name, latency in LATENCIES.items():
            stack.sandbox.latency(**latency)
            measure_ours(sheet, stack, name, LARGE, runs=RUNS, at_most=AT_MOST)
        stack.sandbox.latency(**LATENCIES["100 ms"])
        floor = statistics.median([asyncio.run(bare(stack, LARGE)) for _ in range(RIVAL_RUNS)])
        for name, start in RIVALS.items():
            _measure_rival(sheet, stack, name, start, floor)
        _measure_loop(sheet, stack, floor)


@contextmanager
def opener() -> Iterator[Rig]:
    """Run a system with a room worker for each processor."""
    processors = os.cpu_count() or 1
    with rig(100, REALTIMEKIT_CONCURRENCY=str(IN_FLIGHT // processors), RETURN_GRACE_SECONDS="1") as stack:
        for _ in range(processors - 1):
            stack.workers.append(stack.start_worker())
            stack.workers[-1].wait_for_text(" ready.", 60)
        meeting = Size(20, 200).meeting(stack)
        _open(stack, meeting, Size(20, 200))  # what is done once in a process is not counted
        yield stack


def measure_ours(sheet: Sheet, stack: Rig, name: str, size: Size, *, runs: int, at_most: float) -> None:
    """Note ours in multiples of the floor, run by run."""
    meeting = size.meeting(stack)
    for _ in range(runs):
        machine = Machine()
        floor = asyncio.run(bare(stack, size))
        sheet.figure(f"calls take {name}: the floor, processors busy", "%").add(machine.busy())
        ours = _open(stack, meeting, size)
        sheet.figure(f"calls take {name}: last seat", "times the floor", at_most=at_most).add(ours.last / floor)
        sheet.figure(f"calls take {name}: first room", "times the floor").add(ours.first / floor)
        sheet.figure(f"calls take {name}: processors busy", "%").add(ours.busy)
        sheet.figure(f"calls take {name}: the floor", "s").add(floor)


def _open(stack: Rig, meeting: str, size: Size) -> Ours:
    """Open once and close. The log is the clock, and only a breakout's state is looked at meanwhile."""
    made = stack.breakout(meeting, rooms=size.rooms, start="manual")
    path, engine = f"/v1/breakouts/{made['id']}", engine_of(stack.environment["DATABASE_URL"])
    machine = Machine()
    stack.post(f"{path}/start")
    _wait_until_it_is(engine, made["id"], "open")
    busy = machine.busy()
    started = moments(stack, made["id"], "breakout.state", "opening")[0]
    told = moments(stack, made["id"], "participant.state", "invited")
    stack.post(f"{path}/close", {"countdown_seconds": 0})
    _wait_until_it_is(engine, made["id"], "closed")
    engine.dispose()
    return Ours((told[0] - started).total_seconds(), (told[-1] - started).total_seconds(), busy)


def _wait_until_it_is(engine: Engine, breakout_id: str, state: str) -> None:
    def is_there() -> bool:
        with engine.connect() as connection:
            return bool(connection.execute(STATE, {"id": breakout_id}).scalar_one() == state)

    wait_until(is_there, DEADLINE_SECONDS, every=0.1, what=f"the breakout {state}")


async def bare(stack: Rig, size: Size) -> float:
    """Make the same calls without storing anything, and return how long that takes."""
    root, gate = openings.kit_url(stack.sandbox.base_url), asyncio.Semaphore(IN_FLIGHT)
    headers = {"Authorization": f"Bearer {stack.sandbox.api_token}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as http:

        async def post(path: str, body: dict[str, str]) -> str:
            async with gate, http.post(f"{root}/{path}", json=body) as answer:
                return str((await answer.json())["data"]["id"])

        async def room(number: int) -> None:
            meeting = await post("meetings", openings.meeting_body(number))
            people = openings.people_of(number, size.rooms, size.people)
            path = f"meetings/{meeting}/participants"
            await asyncio.gather(*(post(path, openings.person_body(person)) for person in people))

        begun = time.monotonic()
        await asyncio.gather(*(room(number) for number in range(size.rooms)))
        return time.monotonic() - begun


def _measure_rival(sheet: Sheet, stack: Rig, name: str, start: Start, floor: float) -> None:
    url = stack.empty_database()
    place = Place(stack.processes, url, stack.environment["BROKER_URL"], openings.kit_url(stack.sandbox.base_url))
    engine = openings.engine_of(url)
    with engine.begin() as connection:
        for statement in openings.TABLES:
            connection.execute(text(statement))
    with start(place) as rival:
        for opening in range(RIVAL_RUNS):
            seconds = openings.seconds_of(rival, engine, opening, LARGE.rooms, LARGE.people)
            sheet.figure(name, "times the floor").add(seconds / floor)
    engine.dispose()


def _measure_loop(sheet: Sheet, stack: Rig, floor: float) -> None:
    """Make a tenth of the calls one after another."""
    root = openings.kit_url(stack.sandbox.base_url)
    headers = {"Authorization": f"Bearer {stack.sandbox.api_token}"}
    rooms, people = LARGE.rooms // LOOP_SHARE, LARGE.people // LOOP_SHARE
    begun = time.monotonic()
    with httpx.Client(headers=headers, timeout=30, trust_env=False) as http:
        for number in range(rooms):
            made = http.post(f"{root}/meetings", json=openings.meeting_body(number)).json()["data"]
            for person in openings.people_of(number, rooms, people):
                http.post(f"{root}/meetings/{made['id']}/participants", json=openings.person_body(person))
    seconds = (time.monotonic() - begun) * LOOP_SHARE
    sheet.figure("a plain loop", "times the floor").add(seconds / floor)


if __name__ == "__main__":
    run("opening", measure)
