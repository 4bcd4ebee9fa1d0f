"""An opening in plain Celery: a chord of a chain for each room, with a task for each call.

A room's chain makes its meeting, then admits its people one after another, because each task hands the meeting's id to
the next. The worker has our broker and Celery's defaults besides.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from celery import Celery, chain, chord

from tests.benchmarks.rivals import openings
from tests.benchmarks.rivals.openings import Place, Rival, Start
from tests.support.processes import CELERY

CONCURRENCY = 100
app = Celery("openings", broker=os.environ.get(openings.BROKER), backend=os.environ.get(openings.BROKER))
app.conf.update(task_acks_late=True, worker_send_task_events=True, broker_connection_retry_on_startup=True)
WORKER = [*CELERY[:-1], __name__, "worker", f"--concurrency={CONCURRENCY}", "--loglevel=INFO"]


@app.task  # type: ignore[untyped-decorator]  # Celery ships no types
def make_room(opening: int, number: int) -> str:
    """Make a room's meeting, and return its id."""
    meeting = str(openings.post("meetings", openings.meeting_body(number))["id"])
    openings.store(openings.STORE_ROOM, opening=opening, number=number, meeting=meeting)
    return meeting


@app.task  # type: ignore[untyped-decorator]  # Celery ships no types
def admit(meeting: str, opening: int, number: int, person: int) -> str:
    """Admit one person, and hand the meeting on."""
    made = openings.post(f"meetings/{meeting}/participants", openings.person_body(person))
    openings.store(openings.STORE_SEAT, opening=opening, person=person, room=number, token=made["token"])
    return meeting


@app.task  # type: ignore[untyped-decorator]  # Celery ships no types
def announce(meetings: list[str]) -> int:
    """Return how many rooms are open, once all are."""
    return len(meetings)


class Chord:
    """Sends the whole canvas at once."""

    def __init__(self, broker_url: str) -> None:
        app.conf.update(broker_url=broker_url, result_backend=broker_url)

    def open(self, opening: int, rooms: int, people: int) -> None:
        """Send it."""
        chord([_room(opening, number, rooms, people) for number in range(rooms)], announce.s()).apply_async()


def _room(opening: int, number: int, rooms: int, people: int) -> chain:
    admits = [admit.s(opening, number, person) for person in openings.people_of(number, rooms, people)]
    return chain(make_room.s(opening, number), *admits)


@contextmanager
def _running(pool: str, place: Place) -> Iterator[Rival]:
    worker = place.processes.start([*WORKER, f"--pool={pool}"], place.environment)
    worker.wait_for_text(" ready.", 120)
    yield Chord(place.broker_url)
    worker.kill()


threads: Start = partial(_running, "threads")
prefork: Start = partial(_running, "prefork")
