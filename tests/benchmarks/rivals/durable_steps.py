"""An opening in DBOS Transact: a durable workflow for each room, with a step for each call.

Workflows are coroutines of one process. A room's people are admitted at the same time, at most a hundred calls are in
flight, and DBOS stores each step's result.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
from dbos import DBOS, DBOSClient, EnqueueOptions
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.benchmarks.rivals import openings
from tests.benchmarks.rivals.openings import Place, Rival

NAME, QUEUE, READY = "openings", "rooms", "workflows run"
IN_FLIGHT = 100


class _Here:
    """The connections of this process, made on its loop when they are first needed."""

    http: aiohttp.ClientSession | None = None
    engine: AsyncEngine | None = None
    gate = asyncio.Semaphore(IN_FLIGHT)


@asynccontextmanager
async def _posted(path: str, body: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {os.environ[openings.TOKEN]}"}
    _Here.http = _Here.http or aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=IN_FLIGHT))
    async with _Here.gate, _Here.http.post(f"{os.environ[openings.KIT]}/{path}", json=body) as answer:
        yield (await answer.json())["data"]


async def _store(statement: str, **values: object) -> None:
    url = os.environ[openings.DATABASE].replace("postgresql://", "postgresql+psycopg://")
    _Here.engine = _Here.engine or create_async_engine(url, pool_size=openings.POOL_SIZE)
    async with _Here.engine.begin() as connection:
        await connection.execute(text(statement), values)


@DBOS.step()
async def make_room(opening: int, number: int) -> str:
    """Make a room's meeting, and return its id."""
    async with _posted("meetings", openings.meeting_body(number)) as made:
        await _store(openings.STORE_ROOM, opening=opening, number=number, meeting=made["id"])
        return str(made["id"])


@DBOS.step()
async def admit(meeting: str, opening: int, number: int, person: int) -> None:
    """Admit one person."""
    async with _posted(f"meetings/{meeting}/participants", openings.person_body(person)) as made:
        await _store(openings.STORE_SEAT, opening=opening, person=person, room=number, token=made["token"])


@DBOS.workflow()
async def open_room(opening: int, number: int, rooms: int, people: int) -> None:
    """Make a room's meeting, then admit its people."""
    meeting = await make_room(opening, number)
    seated = openings.people_of(number, rooms, people)
    await asyncio.gather(*(admit(meeting, opening, number, person) for person in seated))


class DurableSteps:
    """One workflow for each room."""

    def __init__(self, database_url: str) -> None:
        self._client = DBOSClient(system_database_url=database_url, application_name=NAME)

    def open(self, opening: int, rooms: int, people: int) -> None:
        """Put the workflows into the queue."""
        options = EnqueueOptions(queue_name=QUEUE, workflow_name=open_room.__qualname__)
        for number in range(rooms):
            self._client.enqueue(options, opening, number, rooms, people)

    def close(self) -> None:
        """Close its connections."""
        self._client.destroy()


@contextmanager
def durable_steps(place: Place) -> Iterator[Rival]:
    """Run the process of the workflows."""
    process = place.processes.start([sys.executable, "-m", __name__], place.environment)
    process.wait_for_text(READY, 60)
    rival = DurableSteps(place.database_url)
    yield rival
    rival.close()
    process.kill()


def _serve() -> None:
    DBOS(config={"name": NAME, "system_database_url": os.environ[openings.DATABASE]})
    DBOS.launch()
    DBOS.register_queue(QUEUE)
    print(READY, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    _serve()
