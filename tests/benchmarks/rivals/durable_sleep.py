"""Timers in DBOS Transact: a durable workflow for each, which sleeps until its time and closes in a step.

Workflows are coroutines of one process, because a thread for each of ten thousand would be too many. They are put into
a queue by a client, as a web server would do.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from dbos import DBOS, DBOSClient, EnqueueOptions
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.benchmarks.rivals import timers
from tests.benchmarks.rivals.timers import Place, Rival, Timers

NAME, QUEUE = "benchmark", "timers"
DATABASE = "TIMERS_DATABASE"
READY = "workflows run"
SLEEPING = "SELECT count(*) FROM dbos.operation_outputs WHERE function_name = 'DBOS.sleep'"


@cache
def _engine() -> AsyncEngine:
    url = os.environ[DATABASE].replace("postgresql://", "postgresql+psycopg://")
    return create_async_engine(url, pool_size=timers.POOL_SIZE)


@DBOS.step()
async def close(number: int) -> None:
    """End the timer with this number."""
    async with _engine().begin() as connection:
        for statement in timers.CLOSE:
            await connection.execute(text(statement), {"id": number})


@DBOS.workflow()
async def keep(number: int, end: float) -> None:
    """Sleep until `end`, in seconds since the epoch, and close."""
    await DBOS.sleep_async(max(0.0, end - time.time()))
    await close(number)


class DurableSleep:
    """One sleeping workflow for each timer."""

    def __init__(self, system_url: str) -> None:
        self._client = DBOSClient(system_database_url=system_url, application_name=NAME)
        self._engine = timers.engine_of(system_url)

    def arm(self, armed: Timers) -> None:
        """Put the workflows into the queue."""
        options = EnqueueOptions(queue_name=QUEUE, workflow_name=keep.__qualname__)
        for number, end in armed:
            self._client.enqueue(options, number, end)

    def is_settled(self, armed: int) -> bool:
        """Return whether all of them sleep."""
        with self._engine.connect() as connection:
            return bool(connection.execute(text(SLEEPING)).scalar_one() >= armed)

    def close(self) -> None:
        """Close its connections."""
        self._client.destroy()
        self._engine.dispose()


@contextmanager
def durable_sleep(place: Place) -> Iterator[Rival]:
    """Run the process of the workflows."""
    environment = {DATABASE: place.database_url}
    process = place.processes.start([sys.executable, "-m", __name__], environment)
    process.wait_for_text(READY, 60)
    rival = DurableSleep(place.database_url)
    yield rival
    rival.close()


def _serve() -> None:
    DBOS(config={"name": NAME, "system_database_url": os.environ[DATABASE]})
    DBOS.launch()
    DBOS.register_queue(QUEUE)
    print(READY, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    _serve()
