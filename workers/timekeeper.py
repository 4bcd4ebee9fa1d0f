"""The timekeeper: a Celery beat scheduler whose schedule is the column `due_at`.

Any number may run at once: each skips rows that another has locked, and a row's message carries a claim number that
only one start can consume. One of them looks first, and the others a moment later at what it has left.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import redis
from celery.beat import Scheduler

from orchestrator import metrics
from orchestrator.log import logger
from orchestrator.services.upkeep import sweeps
from orchestrator.store import scan
from orchestrator.store.kinds import KIND_OF, TABLES
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.events import Topic
from schemas.tables import Due
from workers.heartbeat import beat
from workers.process import deps

log = logger(__name__)

BATCH_ROWS = 100
LONGEST_SLEEP_SECONDS = 1.0
SHORT_SLEEP_SECONDS = 0.2
"""The sleep while rows are due that others have locked."""
QUEUES_KNOWN_SECONDS = 0.2
"""How long what was read of the queues is used."""
REST_SECONDS = 0.01
"""How long a timekeeper rests between two looks, so that one look finds all that has become due meanwhile.

Without it, while 33 timers ended in each second, each row that was due cost looks of its own, and a timekeeper took as
much of the processors as the worker that closed the breakouts (measured).
"""
TIMEKEEPER_KEY_SECONDS = 10
"""How long the key of a tick lasts."""
FIRST_KEY_SECONDS = 3
"""How long the key lasts by which a timekeeper looks first; it is renewed each second."""
BEHIND = timedelta(seconds=0.05)
"""How long after the due time the others look.

Two that looked at the same time took twice as much of the processors, because each looked for every row that was due,
and one of them found it locked (measured).
"""


class Timekeeper(Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Sends a task for each due row, and sleeps until the next row is due or a publish names an earlier time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._wakes: redis.client.PubSub | None = None
        self._sweep_is_planned = False
        self._looked_after = self._looked_at_queues = float("-inf")
        self._backlog: scan.Backlog = {}
        self._behind = timedelta()
        """How long after its due time a row is late for this timekeeper."""
        self._next_look_at = 0.0
        """When to look next at the latest, in seconds since the epoch by the database's clock."""
        super().__init__(*args, **kwargs)

    def tick(self, *_: Any, **__: Any) -> float:
        """Look once, and sleep. Returns 0, because the sleep is in here, where a publish can end it.

        Only a look that could send what is due is a sign of life, or one that a database has kept from it: starting
        this process anew would not bring that back, and readiness names the database. The rest follows, so that nothing
        due waits for it.
        """
        seconds, is_well = LONGEST_SLEEP_SECONDS, True
        try:
            seconds, is_well = self._send_due()
        except Exception as error:
            is_well = isinstance(error, DATABASE_TROUBLE)
            _log_failure("due rows", error)
        if is_well:
            beat()
            self._look_after_rest()
        self._sleep(seconds)
        return 0.0

    def setup_schedule(self) -> None:
        """Do nothing, because the database is the schedule."""

    def close(self) -> None:
        """Do nothing, because Celery calls this from a signal handler, in the middle of a tick."""

    def _send_due(self) -> tuple[float, bool]:
        """Send what is due now. Returns the seconds to sleep until something else is due, and whether all was sent."""
        self._look_at_queues()
        firsts, now = self._next_due()
        late = [table for table in TABLES if table in firsts and firsts[table] + self._behind <= now]
        sent, is_well = self._send_batches(late)
        if sent:
            return 0.0, is_well
        if late:  # but locked: a timer that ends meanwhile must not wait for them
            firsts, _ = self._next_due(after=now)
        longest = SHORT_SLEEP_SECONDS if late and is_well else LONGEST_SLEEP_SECONDS
        seconds = min([longest, *((due_at + self._behind - now).total_seconds() for due_at in firsts.values())])
        self._next_look_at = now.timestamp() + seconds
        return seconds, is_well

    def _next_due(self, *, after: datetime | None = None) -> tuple[dict[type[Due], datetime], datetime]:
        with deps().database.glancing() as session:
            return scan.next_due(session, self._backlog, after=after)

    def _send_batches(self, tables: Sequence[type[Due]]) -> tuple[int, bool]:
        """Send some rows of each table; one whose rows can't be sent holds up no other.

        Returns how many rows were sent, and whether every table's could be.
        """
        sent, is_well = 0, True
        for table in tables:
            try:
                sent += self._send_batch(table)
            except DATABASE_TROUBLE:
                raise
            except Exception as error:
                is_well = False
                _log_failure(f"due rows of {table.__name__}", error)
        return sent, is_well

    def _send_batch(self, table: type[Due]) -> int:
        with deps().database.transaction() as tx:
            sent, ended = scan.dispatch_due(tx, table, BATCH_ROWS, self._backlog)
        if ended:
            metrics.LEASES_ENDED.labels(KIND_OF[table].name).inc(ended)
            log.warning("leases ended by themselves", table=table.__name__, leases=ended)
        return sent

    def _look_at_queues(self) -> None:
        """Read what waits in the queues, at most once in QUEUES_KNOWN_SECONDS; nothing is known without the broker."""
        if time.monotonic() - self._looked_at_queues < QUEUES_KNOWN_SECONDS:
            return
        self._looked_at_queues = time.monotonic()
        try:
            self._backlog = deps().broker.waiting_since()
        except redis.RedisError:
            self._backlog = {}

    def _look_after_rest(self) -> None:
        """Do what no due row waits for, at most once in LONGEST_SLEEP_SECONDS. What fails holds up nothing else."""
        if time.monotonic() - self._looked_after < LONGEST_SLEEP_SECONDS:
            return
        self._looked_after = time.monotonic()
        for part, look in (("broker", self._look_at_broker), ("sweeps", self._plan_sweep)):
            try:
                look()
            except Exception as error:
                _log_failure(part, error)

    def _look_at_broker(self) -> None:
        """Look whether the broker is new. If so, forget dispatches, and send at once what the one before has lost.

        Whoever can't ask who looks first does so itself. The key that readiness looks at is set last, so that no row is
        sent twice that is made while a system starts.
        """
        self._behind = timedelta()
        try:
            broker = deps().broker
            if not broker.holds(broker.keys.first_timekeeper, deps().holder, FIRST_KEY_SECONDS):
                self._behind = BEHIND
            if broker.epoch_is_new():
                for table in TABLES:
                    with deps().database.transaction() as tx:
                        scan.forget_dispatches(tx, table)
                self._send_due()
            broker.redis.set(broker.keys.timekeeper, str(time.time()), ex=TIMEKEEPER_KEY_SECONDS)
        except redis.RedisError as error:
            log.warning("the broker is away", error=type(error).__name__)

    def _plan_sweep(self) -> None:
        """Plan the sweeps once per process. From then on the row of each holds when it is due."""
        if not self._sweep_is_planned:
            sweeps.plan(deps())
            self._sweep_is_planned = True

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        time.sleep(REST_SECONDS)
        try:
            if self._wakes is None:
                self._wakes = deps().broker.subscribe(Topic.DUE.pattern)
            while (left := until - time.monotonic()) > 0:
                if self._is_earlier(self._wakes.get_message(timeout=left)):
                    break
            while self._wakes.get_message():
                pass  # the times that these name are in the database by now
        except (redis.RedisError, OSError):
            self._wakes = None
            time.sleep(min(seconds, 0.2))

    def _is_earlier(self, message: Any) -> bool:
        """Return whether a publish names a time before the next look."""
        if message is None:
            return False
        due_at = float(message["channel"].rpartition(b":")[2])
        return due_at + self._behind.total_seconds() < self._next_look_at


def _log_failure(part: str, error: Exception) -> None:
    log.warning("the timekeeper could not look", part=part, error=type(error).__name__, detail=str(error)[:200])
