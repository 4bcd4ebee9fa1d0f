"""The broker: Celery's settings, each with its reason, and a sender that never blocks the committing thread."""

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

import redis
from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue as KombuQueue

from orchestrator import metrics
from orchestrator.broker_address import parsed
from orchestrator.errors import NotMigrated
from orchestrator.log import logger
from orchestrator.store.channels import adapt_channels
from orchestrator.store.keys import Keys
from orchestrator.store.messages import Message
from orchestrator.store.queue_order import FairShare
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.tasks import QUEUE_OF, Queue

log = logger(__name__)

Item = TypeVar("Item", Message, str)

MOVING_SECONDS = 30
"""How long the key lasts that a worker sets when it begins a task of a queue."""
SERVED_SECONDS = 10
"""How long the key lasts that a worker sets for each of its queues, with each beat of its main loop (2 s)."""
SENDER_BACKLOG_ITEMS = 20_000
SENT_TOGETHER = 25
"""How many items the sender puts into Redis at once. With an answer for each it sent 15 a second where 64 threads of a
worker compete for the interpreter, and messages waited 12 s for it. With 100 the first room of an opening waited 13 ms
for the last (both measured)."""
DISPATCHED_AT = "dispatched_at"
"""The header that says when a message's row was dispatched, in seconds since the epoch by the database's clock."""
TRANSPORT: Mapping[str, Any] = {
    "visibility_timeout": 180,  # three times a task's deadline; possible because nothing is sent with an ETA
    "unacked_restore_interval": 5,  # with the throttle, a dead worker's messages return in 13 s, not 92
    "unacked_restore_throttle": 1,
    "socket_timeout": 15,  # without it a publish on a half-open socket waits for ever
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "retry_on_timeout": True,
    "max_connections": 256,
    "queue_order_strategy": f"{FairShare.__module__}:{FairShare.__name__}",  # by schemas.tasks.WEIGHTS
    "client_name": "breakout",
}
"""Transport options of every Celery process, where BROKER_URL says nothing else."""
CELERYS_OWN = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")
"""Variables that win over Celery's settings. Celery's command line sets the first to BROKER_URL as it was written."""
QUICK_TRANSPORT = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry_on_timeout": False, "max_connections": 4}
"""Transport options of senders that would rather drop a message than wait."""


def celery_settings(broker_url: str, keys: Keys) -> dict[str, Any]:
    """Return the settings of every Celery process of one deployment."""
    adapt_channels()
    for name in CELERYS_OWN:
        os.environ.pop(name, None)
    return {
        **parsed(broker_url).for_celery({**TRANSPORT, "global_keyprefix": keys.prefix}),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a worker outlives its broker
        "broker_channel_error_retry": True,  # and its error answers: of a replica, a full one, one with other ACLs
        "task_queues": [KombuQueue(name.value) for name in Queue],
        "task_default_queue": Queue.LIFECYCLE.value,
        "task_create_missing_queues": False,  # a typo fails loudly
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,  # results are in the database and, as one line, in Flower's events
        "task_track_started": True,
        "worker_send_task_events": True,
        "worker_prefetch_multiplier": 1,
        "worker_eta_task_limit": 200,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # threads can't be cancelled; fences guard
        "worker_soft_shutdown_timeout": 15,
        "worker_enable_soft_shutdown_on_idle": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "accept_content": ["json"],
        "enable_utc": True,
    }


class Broker:
    """Sends messages and wake-ups from a thread of its own. Each gets one quick try; the timekeeper sends lost ones."""

    def __init__(self, broker_url: str, keys: Callable[[], Keys]) -> None:
        self._broker_url = broker_url
        self._read_keys = keys
        self.redis = redis.Redis.from_url(
            parsed(broker_url).for_redis_py, socket_timeout=1, socket_connect_timeout=1, client_name="breakout"
        )
        self._waiting: queue.Queue[Message | str | None] = queue.Queue(SENDER_BACKLOG_ITEMS)
        self._noted_at: dict[Queue, float] = {}
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._producer: Any = None

    @cached_property
    def keys(self) -> Keys:
        """The deployment's names in Redis. Raises NotMigrated, and errors of the database that it asks first."""
        return self._read_keys()

    @cached_property
    def app(self) -> Celery:
        """The Celery application that sends. Raises what `keys` raises."""
        app = Celery("breakout-sender", set_as_current=False)
        app.conf.update(celery_settings(self._broker_url, self.keys))
        return app

    def submit(self, messages: list[Message], topics: set[str]) -> None:
        """Queue what a commit sends, and return at once. Drop what exceeds SENDER_BACKLOG_ITEMS waiting items."""
        self._ensure_thread()
        items: list[Message | str] = [*messages, *topics]
        for item in items:
            try:
                self._waiting.put_nowait(item)
            except queue.Full:
                _count(item, "dropped")

    def flush(self) -> None:
        """Wait until each message submitted so far has been tried."""
        self._waiting.join()

    def close(self) -> None:
        """Send the waiting messages, and end the thread. Gives up after 5 seconds."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout=5)

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_for_ever, name="sender", daemon=True)
                self._thread.start()

    def _send_for_ever(self) -> None:
        goes_on = True
        while goes_on:
            taken = self._take()
            goes_on = None not in taken
            self._try(self._wake, [item for item in taken if isinstance(item, str)])  # first: people wait for these
            self._try(self._send, [item for item in taken if isinstance(item, Message)])
            for _ in taken:
                self._waiting.task_done()

    def _take(self) -> list[Message | str | None]:
        """Wait for an item, and return it with those that wait behind it, at most SENT_TOGETHER."""
        taken = [self._waiting.get()]
        with suppress(queue.Empty):
            while len(taken) < SENT_TOGETHER:
                taken.append(self._waiting.get_nowait())
        return taken

    def _try(self, send: Callable[[Sequence[Item]], None], items: Sequence[Item]) -> None:
        fate = "sent"
        try:
            send(items)
        except Exception as error:
            log.warning("not sent, the timekeeper will", error=type(error).__name__, items=len(items))
            fate = "failed"
        for item in items:
            _count(item, fate)

    def _wake(self, topics: Sequence[str]) -> None:
        with self.redis.pipeline(transaction=False) as pipeline:
            for topic in dict.fromkeys(topics):
                pipeline.publish(self.keys.topics + topic, "")
            pipeline.execute()

    def _send(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        if self._producer is None:
            self._producer = self.app.amqp.Producer(self.quick_connection(self.app), auto_declare=False)
        try:
            with self._producer.batch():
                for message in messages:
                    self._publish(self._producer, message)
        except Exception:
            self._producer = None  # the next one makes another connection
            raise

    def quick_connection(self, app: Celery) -> Connection:
        """Make a connection for a sender that would rather drop a message than wait; what BROKER_URL says stays."""
        options = {**app.conf.broker_transport_options, **QUICK_TRANSPORT, **parsed(self._broker_url).options}
        connection: Connection = app.connection_for_write(transport_options=options)
        return connection

    def _publish(self, producer: Any, message: Message) -> None:
        self.app.send_task(
            message.task.value,
            args=(message.row_id, message.claim),
            argsrepr=f"{message.label} · {message.row_id[-12:]}.{message.claim}",
            kwargsrepr="",
            headers={DISPATCHED_AT: message.dispatched_at.timestamp()},
            root_id=message.breakout_id,
            parent_id=message.breakout_id,
            queue=QUEUE_OF[message.task].value,
            producer=producer,
            retry=False,
        )

    def queue_lengths(self) -> dict[Queue, int]:
        """Return how many messages wait in each queue."""
        with self.redis.pipeline(transaction=False) as pipeline:
            for queue in Queue:
                pipeline.llen(self.keys.queue(queue))
            return dict(zip(Queue, map(int, pipeline.execute()), strict=True))

    def waiting_since(self) -> dict[Queue, datetime]:
        """Return when the row was dispatched whose message waits longest in each queue; empty queues are left out.

        The sender puts messages in at a list's left end, and workers take them from the right one (kombu). Raises
        RedisError.
        """
        with self.redis.pipeline(transaction=False) as pipeline:
            for queue in Queue:
                pipeline.lindex(self.keys.queue(queue), -1)
            firsts = zip(Queue, pipeline.execute(), strict=True)
        known = {queue: _dispatched_at(first) for queue, first in firsts if first is not None}
        return {queue: at for queue, at in known.items() if at is not None}

    def note_moving(self, name: Queue) -> None:
        """Note in Redis that a worker has taken a message from a queue, at most once a second. Never raises."""
        if time.monotonic() - self._noted_at.get(name, 0.0) < 1:
            return
        self._noted_at[name] = time.monotonic()
        with suppress(redis.RedisError, NotMigrated, *DATABASE_TROUBLE):
            self.redis.set(self.keys.moving(name), "1", ex=MOVING_SECONDS)

    def is_moving(self, name: Queue) -> bool:
        """Return whether any worker has taken a message from a queue within MOVING_SECONDS. Raises RedisError."""
        return bool(self.redis.exists(self.keys.moving(name)))

    def note_served(self, names: Iterable[Queue]) -> None:
        """Note in Redis that this process takes messages from these queues. Never raises."""
        with suppress(redis.RedisError, NotMigrated, *DATABASE_TROUBLE), self.redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.set(self.keys.served(name), "1", ex=SERVED_SECONDS)
            pipe.execute()

    def unserved(self) -> list[Queue]:
        """Return the queues from which no worker has taken messages for SERVED_SECONDS. Raises RedisError."""
        found = self.redis.mget([self.keys.served(name) for name in Queue])
        return [name for name, served in zip(Queue, found, strict=True) if not served]

    def prove_writing(self) -> None:
        """Write a key, which soon expires. Raises RedisError for a replica, a full Redis, and missing rights."""
        self.redis.set(self.keys.written, "1", ex=SERVED_SECONDS)

    def holds(self, key: str, who: str, seconds: int) -> bool:
        """Take a key for so long that nobody holds, or hold on to it. Returns whether `who` has it. Raises RedisError.

        It is no lock: a process that stands still may lose the key and go on.
        """
        if self.redis.set(key, who, nx=True, ex=seconds):
            return True
        return self.redis.get(key) == who.encode() and bool(self.redis.expire(key, seconds))

    def epoch_is_new(self) -> bool:
        """Return whether the broker was emptied or replaced since any process last asked this. Raises RedisError."""
        return bool(self.redis.set(self.keys.epoch, "1", nx=True))

    def subscribe(self, topic: str) -> redis.client.PubSub:
        """Subscribe to the wake-ups of `topic`, which may be a pattern with `*` for anything."""
        wakes: redis.client.PubSub = self.redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        wakes.psubscribe(self.keys.topics + topic)
        return wakes


def _dispatched_at(raw: bytes) -> datetime | None:
    """Return when the row of a message was dispatched; None for a message that is not ours."""
    try:
        return datetime.fromtimestamp(json.loads(raw)["headers"][DISPATCHED_AT], UTC)
    except (ValueError, LookupError, TypeError, OverflowError, OSError):
        return None


def _count(item: Message | str, fate: str) -> None:
    metrics.MESSAGES.labels("wake" if isinstance(item, str) else "task", fate).inc()
