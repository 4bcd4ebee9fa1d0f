"""From the commit of a change to its arrival in browsers: 200 seat streams are open, one seat changes or all do."""

import asyncio
import json
import random
import time
from collections.abc import Collection

from sqlalchemy import select
from sqlmodel import col

from orchestrator.runtime import memory
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.deps import Deps
from schemas.tables import Participant
from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import rig
from tests.support.stack import JSON, Stack

STREAMS, ROOMS, SINGLE_CHANGES, MASS_CHANGES = 200, 20, 300, 30


class Reader:
    """A browser, and when each version of its seat arrived."""

    def __init__(self, participant_id: str, token: str) -> None:
        self.participant_id = participant_id
        self._token = token
        self._news = asyncio.Event()
        self.version, self.arrived = -1, 0.0
        self.seat: JSON = {}

    async def follow(self, port: int) -> None:
        """Read the stream with as little work as possible, because it shares the machine with the API."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        writer.write(f"GET /v1/seat/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._token}\r\n\r\n".encode())
        async for line in reader:
            if line.startswith(b"data: {") and b'"version":' in line:
                self.arrived = time.monotonic()
                self.seat = json.loads(line[6:])
                self.version = self.seat["version"]
                self._news.set()

    async def later_than(self, version: int) -> float:
        """Return when a newer version arrived."""
        while self.version <= version:
            self._news.clear()
            await self._news.wait()
        return self.arrived


def measure(sheet: Sheet) -> None:
    """Change seats, and wait for each browser that is concerned."""
    with rig() as stack:
        meeting = stack.meeting(STREAMS)
        made = stack.breakout(meeting, rooms=ROOMS)
        stack.wait(made["id"], "open", 60)
        with stack.parts() as deps:
            asyncio.run(_measure(sheet, stack, deps, meeting))


async def _measure(sheet: Sheet, stack: Stack, deps: Deps, meeting: str) -> None:
    readers = [Reader(participant_id, stack.token(meeting, name)) for participant_id, name in people_of(deps, meeting)]
    following = [asyncio.create_task(reader.follow(stack.port)) for reader in readers]
    await asyncio.gather(*(reader.later_than(-1) for reader in readers))
    memory.settle()
    single, mass = sheet.figure("one person's seat", "ms"), sheet.figure(f"all {STREAMS} at once", "ms")
    for _ in range(SINGLE_CHANGES):
        single.add(*await change(deps, meeting, [random.choice(readers)]))
        await asyncio.sleep(random.uniform(0, 0.1))
    for _ in range(MASS_CHANGES):
        mass.add(*await change(deps, meeting, readers))
        await asyncio.sleep(0.3)
    for task in following:
        task.cancel()


async def change(deps: Deps, meeting: str, readers: Collection[Reader]) -> list[float]:
    before = {reader: reader.version for reader in readers}

    def commit() -> float:
        with deps.database.transaction() as tx:
            people = PeopleWrites(tx, meeting)
            people.raise_versions(reader.participant_id for reader in readers)
            people.write()
        return time.monotonic()

    committed = await asyncio.to_thread(commit)
    arrived = await asyncio.gather(*(reader.later_than(version) for reader, version in before.items()))
    return [(moment - committed) * 1000 for moment in arrived]


def people_of(deps: Deps, meeting: str) -> list[tuple[str, str]]:
    statement = select(col(Participant.id), col(Participant.custom_participant_id))
    with deps.database.reading() as session:
        rows = session.execute(statement.where(col(Participant.meeting_id) == meeting)).all()
    return [(participant_id, name) for participant_id, name in rows]


if __name__ == "__main__":
    run("streams", measure)
