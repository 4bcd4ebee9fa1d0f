"""Timers in plain Celery: sent with a `countdown`, or looked for each second by a periodic task.

The worker has our pool, number of threads and broker, and Celery's defaults besides.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
from celery import Celery
from sqlalchemy import Engine, text

from tests.benchmarks.rivals import timers
from tests.benchmarks.rivals.timers import Place, Rival, Timers
from tests.support.processes import CELERY

THREADS = 64
DATABASE = "TIMERS_DATABASE"
BROKER = "TIMERS_BROKER"
FIND = "UPDATE timer SET sent = true WHERE due <= statement_timestamp() AND NOT sent RETURNING id"

app = Celery("timers", broker=os.environ.get(BROKER))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_send_task_events=True,
    broker_connection_retry_on_startup=True,
    beat_schedule={"look": {"task": f"{__name__}.look", "schedule": 1.0}},
)
COMMAND = [*CELERY[:-1], __name__]
WORKER = [*COMMAND, "worker", "--pool=threads", f"--concurrency={THREADS}", "--loglevel=INFO"]


@cache
def _engine() -> Engine:
    return timers.engine_of(os.environ[DATABASE])


@app.task  # type: ignore[untyped-decorator]  # Celery ships no types
def close(number: int) -> None:
    """End the timer with this number."""
    timers.close(_engine(), number)


@app.task  # type: ignore[untyped-decorator]  # Celery ships no types
def look() -> None:
    """Send a task for each timer whose time has come."""
    with _engine().begin() as connection:
        found = list(connection.execute(text(FIND)).scalars())
    for number in found:
        close.delay(number)


class Countdown:
    """One task for each timer, which the worker keeps until its time."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url

    def arm(self, armed: Timers) -> None:
        """Send the tasks."""
        with app.connection_for_write(self._broker_url) as connection:
            producer = app.amqp.Producer(connection, auto_declare=False)
            for number, end in armed:
                close.apply_async((number,), countdown=end - time.time(), producer=producer)

    def is_settled(self, _: int) -> bool:
        """Return whether the worker has received all of them."""
        with redis.Redis.from_url(self._broker_url) as client:
            return bool(client.llen("celery") == 0)


class Poll:
    """Rows that a periodic task looks for."""

    def arm(self, _: Timers) -> None:
        """Do nothing, because the rows are stored."""

    def is_settled(self, _: int) -> bool:
        """Return True, because nothing happens before their time."""
        return True


@contextmanager
def countdown(place: Place) -> Iterator[Rival]:
    """Run a worker."""
    _start(place, WORKER)
    yield Countdown(place.broker_url)


@contextmanager
def beat_poll(place: Place) -> Iterator[Rival]:
    """Run a worker, and the beat that sends it a look each second."""
    _start(place, WORKER)
    with tempfile.TemporaryDirectory() as folder:
        place.processes.start([*COMMAND, "beat", "--schedule", f"{folder}/beat"], _environment(place))
        yield Poll()


def _start(place: Place, command: list[str]) -> None:
    place.processes.start(command, _environment(place)).wait_for_text(" ready.", 60)


def _environment(place: Place) -> dict[str, str]:
    return {BROKER: place.broker_url, DATABASE: place.database_url}
