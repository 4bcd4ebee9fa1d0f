"""Breakouts in Flower: each is one long-running row, sent as events of Celery's own protocol.

One worker process at a time, the teller, sends the events of all breakouts. It holds a key in Redis, renews it each
second, and loses it soon after it dies. So a row's events come in order and from a node that Flower knows, and a mass
opening costs one read a second in one process. Workers for timers alone never become the teller (workers/process.py).
Flower is only a view: an event that can't be sent is dropped, and the row is sent again a little later.

Flower keeps what arrives last, except that nothing follows SUCCESS or FAILURE (celery.states.precedence). Every event
has all fields, also when the row began, for a Flower that was started later.
"""

import secrets
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

import redis
from celery import Celery
from celery.events import EventDispatcher
from kombu.connection import Connection

from orchestrator.domain.progress import BreakoutProgress, failure, headline, summary
from orchestrator.log import logger
from orchestrator.services.views import progress
from orchestrator.store.broker import Broker
from orchestrator.store.database import Database
from schemas.events import Topic
from schemas.states import BreakoutState

log = logger(__name__)

TELLER_KEY_SECONDS = 5
"""When a teller has died, another process takes over after this."""
ROUND_SECONDS = 1.0
"""The shortest time between two reads, each of all breakouts that have changed meanwhile."""
REFRESH_SECONDS = 15.0
"""Every live breakout is sent again after this, or later if REFRESHED_PER_ROUND does not suffice."""
REFRESHED_PER_ROUND = 40
"""Unchanged breakouts sent in one round. Thousands at once would keep the worker from its tasks for seconds."""
ROW_NAME = "breakout"
MARK = "{'rows': 'breakouts'}"
"""By this Flower finds the rows of breakouts alone: its search for a name finds all that contain it."""


class Teller:
    """Sends Flower the progress of breakouts, from a thread and with connections of its own."""

    def __init__(
        self,
        celery: Celery,
        node: str,
        broker: Broker,
        database: Database,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._celery = celery
        self._node = node
        self._me = f"{node} {secrets.token_hex(8)}"
        self._broker = broker
        self._database = database
        self._refresh_seconds = refresh_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tell_for_ever, name="flower", daemon=True)
        self._wakes: redis.client.PubSub | None = None
        self._connection: Connection | None = None
        self._dispatcher: EventDispatcher | None = None
        self._refresh_at = 0.0
        self._to_refresh: list[str] = []
        """Breakouts that this refresh has yet to send."""
        self._shown: set[str] = set()
        """Breakouts whose row this process has begun and not yet ended."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and let another worker become the teller at once."""
        self._stop.set()
        self._thread.join(2 * ROUND_SECONDS)

    def _tell_for_ever(self) -> None:
        trouble = ""
        while not self._stop.is_set():
            try:
                if self._is_teller():
                    self._round()
                else:
                    self._stand_by()
                trouble = ""
            except Exception as error:
                if trouble != (trouble := type(error).__name__):
                    log.warning("Flower is not told how far breakouts are", error=trouble)
                self._stand_by()
        self._step_down()

    def _is_teller(self) -> bool:
        return self._broker.holds(self._broker.keys.teller, self._me, TELLER_KEY_SECONDS)

    def _step_down(self) -> None:
        try:
            if self._is_teller():
                self._broker.redis.delete(self._broker.keys.teller)
        except redis.RedisError:
            log.debug("the turn ends by itself")

    def _stand_by(self) -> None:
        """Close the connections, forget what was sent, and wait a round. A teller's first round is a refresh."""
        with suppress(Exception):
            if self._wakes is not None:
                self._wakes.close()
        with suppress(Exception):
            if self._connection is not None:
                self._connection.release()
        self._wakes, self._connection, self._dispatcher = None, None, None
        self._refresh_at, self._to_refresh = 0.0, []
        self._shown.clear()
        self._stop.wait(ROUND_SECONDS)

    def _round(self) -> None:
        begun = time.monotonic()
        changed = self._changed()
        if begun >= self._refresh_at and not self._to_refresh:
            with self._database.reading() as session:
                self._to_refresh = progress.running(session)
            self._refresh_at = begun + self._refresh_seconds
        refreshed, self._to_refresh = self._to_refresh[:REFRESHED_PER_ROUND], self._to_refresh[REFRESHED_PER_ROUND:]
        if ids := changed.union(refreshed):
            self._tell(ids)
        self._stop.wait(begun + ROUND_SECONDS - time.monotonic())

    def _changed(self) -> set[str]:
        """Return breakouts with a new commit anywhere. Waits at most a round for the first, unless a refresh is due."""
        if self._wakes is None:
            self._wakes = self._broker.subscribe(Topic.BREAKOUT.pattern)
        at_once = self._to_refresh or time.monotonic() >= self._refresh_at
        seconds = 0.0 if at_once else ROUND_SECONDS
        ids = set()
        while message := self._wakes.get_message(timeout=seconds):
            ids.add(message["channel"].decode().rpartition(":")[2])
            seconds = 0.0
        return ids

    def _tell(self, breakout_ids: Collection[str]) -> None:
        with self._database.reading() as session:
            found = progress.read(session, breakout_ids)
        for breakout in found:
            for kind, fields in events(breakout, shown=breakout.breakout_id in self._shown):
                self._send(kind, fields)
            self._note_shown(breakout)
        if self._dispatcher is not None:
            self._dispatcher.flush()

    def _note_shown(self, breakout: BreakoutProgress) -> None:
        if breakout.ended_at is None:
            self._shown.add(breakout.breakout_id)
        else:
            self._shown.discard(breakout.breakout_id)

    def _send(self, kind: str, fields: dict[str, Any]) -> None:
        if self._dispatcher is None:
            self._connection = self._broker.quick_connection(self._celery)
            self._dispatcher = self._celery.events.Dispatcher(
                self._connection,
                self._node,
                buffer_while_offline=False,
                buffer_group=["task"],  # sent together, because each message costs more than what it holds
            )
        self._dispatcher.send(kind, **fields)


def events(breakout: BreakoutProgress, *, shown: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events that bring a row up to date; `shown` says whether the row is there and has not ended."""
    began = breakout.started_at.timestamp()
    row: dict[str, Any] = {
        "uuid": breakout.breakout_id,
        "name": ROW_NAME,
        "args": headline(breakout),
        "kwargs": MARK,
        "received": began,
        "started": began,
    }
    match breakout.state:
        case BreakoutState.CLOSED:
            yield "task-succeeded", {**row, "result": summary(breakout), **_ended(breakout, shown)}
        case BreakoutState.FAILED:
            reason = failure(breakout)  # as a result too, because the table of tasks has no column for exceptions
            yield "task-failed", {**row, "exception": reason, "result": reason, **_ended(breakout, shown)}
        case _:
            if not shown:
                yield "task-received", row
                yield "task-started", row
            yield f"task-{breakout.word}", row


def _ended(breakout: BreakoutProgress, shown: bool) -> dict[str, float]:
    """Return the runtime of a row that ends now. It is sent once, because Flower adds it up in its metrics."""
    ended = breakout.ended_at or breakout.started_at
    return {"runtime": (ended - breakout.started_at).total_seconds()} if shown else {}
