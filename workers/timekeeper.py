"""The timekeeper: a Celery beat scheduler whose schedule is the column `due_at`.

Any number may run at once: rows that one has locked are passed over by the others, and a row's message carries a number
that only one start can consume.
"""

import time
from datetime import datetime
from typing import Any

import redis
from celery.beat import Scheduler

from orchestrator import metrics
from orchestrator.log import logger
from orchestrator.services.upkeep import sweep
from orchestrator.store import scan
from orchestrator.store.broker import TIMEKEEPER_KEY
from orchestrator.store.kinds import KIND_OF, TABLES
from schemas.events import Topic
from schemas.tables import Due
from workers.app import settings
from workers.heartbeat import beat
from workers.process import deps

log = logger(__name__)

BATCH = 100
LONGEST_SLEEP_SECONDS = 1.0
REST_SECONDS = 0.2
"""Between looks at rows that are due but that others have locked, or that wait in a crowded queue."""
ALIVE_SECONDS = 10
CROWDED = 0.25
"""Nothing is sent a second time while more than this share of a worker's threads could be kept busy by a queue: what
waits there will be started, and a second copy of it only slows that down."""
LOST_SECONDS = 5
"""While that is so, how often what was not started is sent again all the same: a message may be lost, or it may be for
another queue, where nothing waits."""


class Timekeeper(Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Sends a task for each due row and sleeps until the next one, or until a publish says that one came earlier."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._wakes: redis.client.PubSub | None = None
        self._sweep_is_planned = False
        self._looked_at_broker = self._counted_at = float("-inf")
        self._was_crowded = False
        self._let_through_at = float("-inf")
        self._planned = 0.0
        """When to look next at the latest, in seconds since the epoch by the database's clock."""
        super().__init__(*args, **kwargs)

    def tick(self, *_: Any, **__: Any) -> float:
        """Look once; gives 0 because the waiting is done in here, where a publish can end it."""
        try:
            self._look_at_broker()
            self._plan_sweep()
            seconds = self._send_due()
        except Exception as error:
            log.warning("the timekeeper could not look", error=type(error).__name__, detail=str(error)[:200])
            seconds = LONGEST_SLEEP_SECONDS
        beat()
        self._sleep(seconds)
        return 0.0

    def setup_schedule(self) -> None:
        """There is no schedule but the database."""

    def close(self) -> None:
        """Nothing: Celery calls this from a signal handler, in the middle of a tick."""

    def _send_due(self) -> float:
        """Send what is due now; gives the seconds until something else is."""
        crowded = self._crowded() and self._holds_back()
        firsts, now = self._next_due(unsent=crowded)
        late = [table for table in TABLES if table in firsts and firsts[table] <= now]
        if sum(self._send_batch(table, resend=not crowded) for table in late):
            return 0.0
        if late:  # but locked: no timer that ends meanwhile has to wait for that
            firsts, _ = self._next_due(after=now, unsent=crowded)
        longest = REST_SECONDS if late or crowded else LONGEST_SLEEP_SECONDS
        seconds = min([longest, *((due_at - now).total_seconds() for due_at in firsts.values())])
        self._planned = now.timestamp() + seconds
        return seconds

    def _next_due(self, *, after: datetime | None = None, unsent: bool) -> tuple[dict[type[Due], datetime], datetime]:
        with deps().database.glancing() as session:
            return scan.next_due(session, after=after, unsent=unsent)

    def _send_batch(self, table: type[Due], *, resend: bool) -> int:
        with deps().database.transaction() as tx:
            sent, ended = scan.dispatch_due(tx, table, BATCH, resend=resend)
        if ended:
            metrics.LEASES_ENDED.labels(KIND_OF[table].name).inc(ended)
            log.warning("leases ended by themselves", table=table.__name__, leases=ended)
        return sent

    def _crowded(self) -> bool:
        """Whether a queue is so long, or was REST_SECONDS ago."""
        if time.monotonic() - self._counted_at >= REST_SECONDS:
            self._counted_at = time.monotonic()
            self._was_crowded = self._is_crowded()
        return self._was_crowded

    def _holds_back(self) -> bool:
        """Every LOST_SECONDS for one look it does not."""
        now = time.monotonic()
        if now - self._let_through_at < LOST_SECONDS:
            return True
        self._let_through_at = now
        return False

    def _is_crowded(self) -> bool:
        limit = CROWDED * settings.realtimekit_concurrency
        try:
            return max(deps().broker.queue_lengths().values()) > limit
        except redis.RedisError:
            return False

    def _look_at_broker(self) -> None:
        """At most so often as a timekeeper looks at anything that nobody told it of."""
        if time.monotonic() - self._looked_at_broker < LONGEST_SLEEP_SECONDS:
            return
        self._looked_at_broker = time.monotonic()
        try:
            broker = deps().broker
            broker.redis.set(TIMEKEEPER_KEY, str(time.time()), ex=ALIVE_SECONDS)
            if broker.epoch_is_new():
                for table in TABLES:
                    with deps().database.transaction() as tx:
                        scan.forget_dispatches(tx, table)
        except redis.RedisError as error:
            log.warning("the broker is away", error=type(error).__name__)

    def _plan_sweep(self) -> None:
        """Once: from then on the sweep's own row says when it is due next."""
        if not self._sweep_is_planned:
            sweep.plan(deps())
            self._sweep_is_planned = True

    def _sleep(self, seconds: float) -> None:
        try:
            if self._wakes is None:
                self._wakes = deps().broker.subscribe(Topic.DUE.pattern)
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                if self._is_earlier(self._wakes.get_message(timeout=left)):
                    break
            while self._wakes.get_message():
                pass  # what it names is in the database by now
        except (redis.RedisError, OSError):
            self._wakes = None
            time.sleep(min(seconds, 0.2))

    def _is_earlier(self, message: Any) -> bool:
        """Whether a publish names a time before the one at which we look anyway."""
        return message is not None and float(message["channel"].rpartition(b":")[2]) < self._planned
