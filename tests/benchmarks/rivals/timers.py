"""Plain timers on PostgreSQL: their table, what one close writes, and how late each was.

A close writes about what one of ours writes, in one transaction: its row, four seats, seven entries of a log.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, create_engine, text

from tests.support.postgres import postgres
from tests.support.processes import Processes, processes_in
from tests.support.valkey import valkey_in
from tests.support.waiting import wait_until

POOL_SIZE = 8
FAR_SECONDS = 3000
"""When the timers that do not end are due at most: Redis would deliver their messages again after an hour."""
LEAD_SECONDS = 10
"""From arming the soon timers to the first that ends."""
PATIENCE_SECONDS = 30
"""How long after the last timer's time all must have run."""

TABLES = (
    "CREATE TABLE timer (id int PRIMARY KEY, due timestamptz, sent bool NOT NULL DEFAULT false, decided timestamptz)",
    "CREATE INDEX ix_timer_due ON timer (due) WHERE NOT sent",
    "CREATE TABLE seat (timer_id int, number int, state text, PRIMARY KEY (timer_id, number))",
    "CREATE TABLE entry (timer_id int, number int, at timestamptz, data jsonb)",
)
CLOSE = (
    "UPDATE timer SET decided = statement_timestamp() WHERE id = :id AND decided IS NULL",
    "UPDATE seat SET state = 'returning' WHERE timer_id = :id",
    'INSERT INTO entry SELECT :id, number, statement_timestamp(), \'{"to": "returning"}\''
    " FROM generate_series(1, 7) number",
)
LATENESS = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - due) * 1000 AS late
    FROM timer WHERE id >= :first AND decided IS NOT NULL"""

Timers = Sequence[tuple[int, float]]
"""Numbers of timers, and when each ends in seconds since the epoch."""


@dataclass(frozen=True)
class Place:
    """Where a rival runs."""

    processes: Processes
    database_url: str
    broker_url: str


class Rival(Protocol):
    """A way to keep timers."""

    def arm(self, timers: Timers) -> None:
        """Arm these timers."""

    def is_settled(self, armed: int) -> bool:
        """Return whether nothing is left to do for `armed` timers until their time."""


def engine_of(database_url: str) -> Engine:
    """Make an engine as each of its processes does."""
    return create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), pool_size=POOL_SIZE)


def close(engine: Engine, number: int) -> None:
    """End the timer with this number."""
    with engine.begin() as connection:
        for statement in CLOSE:
            connection.execute(text(statement), {"id": number})


def lateness(
    start: Callable[[Place], AbstractContextManager[Rival]], armed: int, seconds: Sequence[float]
) -> list[float]:
    """Return how late each timer's transaction was committed, in milliseconds after its time.

    All others are armed and at rest before those that end so many `seconds` later are armed. Raises AssertionError if
    one never runs.
    """
    dice = random.Random(armed)
    with _place() as (place, engine), start(place) as rival:
        begun = time.time()
        far = [begun + FAR_SECONDS * dice.uniform(0.5, 1) for _ in range(armed - len(seconds))]
        _arm(rival, engine, 0, far)
        wait_until(lambda: rival.is_settled(len(far)), 300, every=0.5, what="the far timers armed")
        base = time.time() + LEAD_SECONDS
        _arm(rival, engine, len(far), [base + after for after in seconds])
        assert time.time() < base, "arming took too long for this plan"
        time.sleep(base + max(seconds) - time.time())
        return wait_until(
            lambda: _all(engine, len(far), len(seconds)), PATIENCE_SECONDS, every=1, what="all timers run"
        )


def _arm(rival: Rival, engine: Engine, first: int, ends: Sequence[float]) -> None:
    timers = list(enumerate(ends, first))
    rows = [{"id": number, "due": end} for number, end in timers]
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO timer (id, due) VALUES (:id, to_timestamp(:due))"), rows)
        seats = (
            "INSERT INTO seat SELECT id, number, 'joined' FROM timer, generate_series(1, 4) number WHERE id >= :first"
        )
        connection.execute(text(seats), {"first": first})
    rival.arm(timers)


def _all(engine: Engine, first: int, number: int) -> list[float]:
    """Return the lateness of all that were to end, or nothing while one has not run."""
    with engine.connect() as connection:
        late = [float(found) for found in connection.execute(text(LATENESS), {"first": first}).scalars()]
    return late if len(late) == number else []


@contextmanager
def _place() -> Iterator[tuple[Place, Engine]]:
    with tempfile.TemporaryDirectory() as folder, postgres(track_commit_timestamp="on") as server:
        home, url = Path(folder), server.fresh()
        engine = engine_of(url)
        with engine.begin() as connection:
            for statement in TABLES:
                connection.execute(text(statement))
        with valkey_in(home / "valkey") as broker, processes_in(home, cold=True) as processes:
            yield Place(processes, url, broker.url), engine
        engine.dispose()
