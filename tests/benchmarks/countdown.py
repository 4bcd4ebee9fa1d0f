"""A timer in plain Celery: a task sent with a `countdown`, which the worker keeps until its time.

The worker has our pool, number of threads and broker, and Celery's defaults besides. Each task writes what one close
writes, in one transaction: its row, four seats, seven events of a log.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import Engine, create_engine, text

from tests.benchmarks.usage import Usage
from tests.support.postgres import postgres
from tests.support.processes import CELERY, processes_in
from tests.support.valkey import valkey_in
from tests.support.waiting import wait_until

THREADS, POOL_SIZE = 64, 8
PATIENCE_SECONDS = 30
"""How long after the last timer's time tasks may still run; the others count as missing."""
TRIAL = 200
"""How many of the late timers are sent first, to estimate how long sending all of them takes."""
ARMING_MARGIN = 2.5
FAR_SECONDS = 3000
"""Within Redis' visibility timeout of an hour, beyond which each task would be delivered again and again."""

TABLES = (
    "CREATE TABLE timer (id int PRIMARY KEY, due timestamptz, decided timestamptz, runs int NOT NULL DEFAULT 0)",
    "CREATE TABLE seat (timer_id int, number int, state text, PRIMARY KEY (timer_id, number))",
    "CREATE TABLE entry (timer_id int, number int, at timestamptz, data jsonb)",
)
CLOSE = (
    "UPDATE timer SET runs = runs + 1, decided = statement_timestamp() WHERE id = :id",
    "UPDATE seat SET state = 'returning' WHERE timer_id = :id",
    'INSERT INTO entry SELECT :id, number, statement_timestamp(), \'{"to": "returning"}\''
    " FROM generate_series(1, 7) number",
)
LATENESS = """
    SELECT extract(epoch FROM decided - due) * 1000 AS decided,
           extract(epoch FROM pg_xact_commit_timestamp(xmin) - due) * 1000 AS told, runs
    FROM timer WHERE due < statement_timestamp()"""

app = Celery("countdown", broker=os.environ.get("COUNTDOWN_BROKER"))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_send_task_events=True,
    broker_connection_retry_on_startup=True,
    worker_eta_task_limit=int(os.environ.get("COUNTDOWN_LIMIT", "0")) or None,
)
_engines: list[Engine] = []
WORKER = [*CELERY[:-1], "tests.benchmarks.countdown", "worker", "--pool=threads", f"--concurrency={THREADS}"]
WORKER += ["--loglevel=INFO", "--without-gossip", "--without-mingle"]


@app.task  # type: ignore[untyped-decorator]  # Celery ships no types
def close(number: int) -> None:
    """End the timer with this number."""
    if not _engines:
        _engines.append(_engine(os.environ["COUNTDOWN_DATABASE"]))
    with _engines[0].begin() as connection:
        for statement in CLOSE:
            connection.execute(text(statement), {"id": number})


def measure(
    armed: int, seconds: Sequence[float], limit: int | None, print_lateness: Callable[[str, Sequence[Any]], None]
) -> None:
    """Print the lateness of timers that end so many seconds after all are armed; all other timers end much later."""
    with tempfile.TemporaryDirectory() as folder, postgres(track_commit_timestamp="on") as server:
        home, url = Path(folder), server.fresh()
        with valkey_in(home / "valkey") as broker, processes_in(home) as processes:
            environment = {
                "COUNTDOWN_BROKER": broker.url,
                "COUNTDOWN_DATABASE": url,
                "COUNTDOWN_LIMIT": str(limit or 0),
            }
            worker = processes.start(WORKER, environment)
            worker.wait_for_text(" ready.", 60)
            usage = Usage({"worker": worker.pid, "PostgreSQL": server.process.pid, "Valkey": broker.process.pid})
            usage.note("before")
            print(f"plain countdown, worker_eta_task_limit {limit}: {armed} armed, {len(seconds)} end within a minute")
            engine = _engine(url)
            base = _arm(engine, broker.url, armed, seconds)
            usage.note("armed")
            found = _wait_for_all(engine, base + max(seconds) + PATIENCE_SECONDS)
            usage.print_work(len(seconds))
            usage.note("after")
            _print(found, len(seconds), print_lateness)
            usage.print_memory()
            engine.dispose()


def _engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=POOL_SIZE, max_overflow=0)


def _arm(engine: Engine, broker_url: str, armed: int, seconds: Sequence[float]) -> float:
    """Send and store all timers, the soon and the late mixed. Returns the time from which `seconds` count."""
    dice = random.Random(armed)
    late = [FAR_SECONDS * (0.5 + dice.random() / 2) for _ in range(armed - len(seconds))]
    with app.connection_for_write(broker_url) as connection:
        producer = app.amqp.Producer(connection, auto_declare=False)
        begun = time.time()
        _send(producer, 0, [begun + after for after in late[:TRIAL]])
        base = time.time() + (time.time() - begun) / TRIAL * armed * ARMING_MARGIN
        ends = [base + after for after in [*seconds, *late[TRIAL:]]]
        dice.shuffle(ends)
        _store(engine, [*(begun + after for after in late[:TRIAL]), *ends])
        _send(producer, TRIAL, ends)
    assert time.time() < base, "arming took too long for this plan"
    return base


def _send(producer: Any, first: int, ends: Sequence[float]) -> None:
    for number, end in enumerate(ends, first):
        close.apply_async((number,), countdown=end - time.time(), producer=producer)


def _store(engine: Engine, ends: Sequence[float]) -> None:
    rows = [{"id": number, "due": end} for number, end in enumerate(ends)]
    with engine.begin() as connection:
        for statement in TABLES:
            connection.execute(text(statement))
        connection.execute(text("INSERT INTO timer VALUES (:id, to_timestamp(:due))"), rows)
        connection.execute(
            text("INSERT INTO seat SELECT id, number, 'joined' FROM timer, generate_series(1, 4) number")
        )


def _wait_for_all(engine: Engine, until: float) -> Sequence[Any]:
    """Return the measured rows when all due timers have run, or at `until`."""

    def look() -> Sequence[Any]:
        with engine.connect() as connection:
            found = connection.execute(text(LATENESS)).all()
        gone = time.time() > until - PATIENCE_SECONDS
        return found if gone and (time.time() > until or all(row.runs for row in found)) else []

    return wait_until(look, until - time.time() + 60, every=1, what="the end of the timers")


def _print(found: Sequence[Any], ended: int, print_lateness: Callable[[str, Sequence[Any]], None]) -> None:
    ran = [row for row in found if row.runs]
    print(f"  {len(ran)} of {ended} have run, {sum(row.runs > 1 for row in ran)} of them more than once")
    if ran:
        print_lateness("decided", [row.decided for row in ran])
        print_lateness("told", [row.told for row in ran])
