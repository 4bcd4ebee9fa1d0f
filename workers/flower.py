"""How Flower shows breakouts: each is one long row, told in Celery's own event protocol.

One worker process at a time tells them all, whoever has changed them: the one that holds a key in Redis, which it
renews each second and which is soon gone when it dies. So a row's events come in order and from a node that Flower
knows, and a mass opening costs one read a second in one process (none that keeps everybody's time and does nothing
else: workers/process.py). Flower is a view: what can't be sent is dropped, and said again a little later.

Flower keeps what arrives last, except that nothing follows SUCCESS or FAILURE (celery.states.precedence). Every event
says everything, also when the row began, for a Flower that was started later.
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
from orchestrator.store.broker import PREFIX, QUICK_TRANSPORT, Broker
from orchestrator.store.database import Database
from schemas.events import Topic
from schemas.states import BreakoutState

log = logger(__name__)

TURN_KEY = PREFIX + "flower"
TURN_SECONDS = 5
"""A teller that died is followed by another after this."""
ROUND_SECONDS = 1.0
"""At most one read in this time, of all breakouts that have changed meanwhile."""
REFRESH_SECONDS = 15.0
"""Everything that runs is told this often whether it has changed or not, or as often as MOST_REFRESHED lets it be."""
MOST_REFRESHED = 100
"""In one round: telling of thousands at once would keep the worker from its tasks for seconds."""
NAME = "breakout"


class Teller:
    """Tells Flower how far breakouts are, from a thread and with connections of its own."""

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
        self._me = f"{node} {secrets.token_hex(8)}".encode()
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
        """What runs and was not told of since the last refresh began."""
        self._live: set[str] = set()
        """Breakouts that this process has told of, and not yet of their end."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let another worker tell at once."""
        self._stop.set()
        self._thread.join(2 * ROUND_SECONDS)

    def _tell_for_ever(self) -> None:
        trouble = ""
        while not self._stop.is_set():
            try:
                if self._have_turn():
                    self._round()
                else:
                    self._rest()
                trouble = ""
            except Exception as error:
                if trouble != (trouble := type(error).__name__):
                    log.warning("Flower is not told how far breakouts are", error=trouble)
                self._rest()
        self._give_turn_away()

    def _have_turn(self) -> bool:
        client = self._broker.redis
        if client.set(TURN_KEY, self._me, nx=True, ex=TURN_SECONDS):
            return True
        return client.get(TURN_KEY) == self._me and bool(client.expire(TURN_KEY, TURN_SECONDS))

    def _give_turn_away(self) -> None:
        try:
            if self._have_turn():
                self._broker.redis.delete(TURN_KEY)
        except redis.RedisError:
            log.debug("the turn ends by itself")

    def _rest(self) -> None:
        """Not our turn, or trouble: begin anew when it is, with a refresh."""
        with suppress(Exception):
            if self._wakes is not None:
                self._wakes.close()
        with suppress(Exception):
            if self._connection is not None:
                self._connection.release()
        self._wakes, self._connection, self._dispatcher = None, None, None
        self._refresh_at, self._to_refresh = 0.0, []
        self._live.clear()
        self._stop.wait(ROUND_SECONDS)

    def _round(self) -> None:
        begun = time.monotonic()
        touched = self._touched()
        if begun >= self._refresh_at and not self._to_refresh:
            with self._database.reading() as session:
                self._to_refresh = progress.running(session)
            self._refresh_at = begun + self._refresh_seconds
        refreshed, self._to_refresh = self._to_refresh[:MOST_REFRESHED], self._to_refresh[MOST_REFRESHED:]
        if told := touched.union(refreshed):
            self._tell(told)
        self._stop.wait(begun + ROUND_SECONDS - time.monotonic())

    def _touched(self) -> set[str]:
        """Breakouts about which something was committed anywhere; waits for the first one at most a round."""
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
            for kind, fields in events(breakout, told=breakout.breakout_id in self._live):
                self._send(kind, fields)
            self._note(breakout)
        if self._dispatcher is not None:
            self._dispatcher.flush()

    def _note(self, breakout: BreakoutProgress) -> None:
        if breakout.ended_at is None:
            self._live.add(breakout.breakout_id)
        else:
            self._live.discard(breakout.breakout_id)

    def _send(self, kind: str, fields: dict[str, Any]) -> None:
        if self._dispatcher is None:
            options = {**self._celery.conf.broker_transport_options, **QUICK_TRANSPORT}
            self._connection = self._celery.connection_for_write(transport_options=options)
            self._dispatcher = self._celery.events.Dispatcher(
                self._connection,
                self._node,
                buffer_while_offline=False,
                buffer_group=["task"],  # sent together, for each message costs more than what it holds
            )
        self._dispatcher.send(kind, **fields)


def events(breakout: BreakoutProgress, *, told: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events that bring the row up to date; `told` says whether the row is there and has not ended."""
    began = breakout.started_at.timestamp()
    row: dict[str, Any] = {
        "uuid": breakout.breakout_id,
        "name": NAME,
        "args": headline(breakout),
        "kwargs": "",
        "received": began,
        "started": began,
    }
    match breakout.state:
        case BreakoutState.CLOSED:
            yield "task-succeeded", {**row, "result": summary(breakout), **_ended(breakout, told)}
        case BreakoutState.FAILED:
            reason = failure(breakout)  # as a result too: the table of tasks has no column for exceptions
            yield "task-failed", {**row, "exception": reason, "result": reason, **_ended(breakout, told)}
        case _:
            if not told:
                yield "task-received", row
                yield "task-started", row
            yield f"task-{breakout.word}", row


def _ended(breakout: BreakoutProgress, told: bool) -> dict[str, float]:
    """How long it took is said once: Flower adds it up in its metrics."""
    ended = breakout.ended_at or breakout.started_at
    return {"runtime": (ended - breakout.started_at).total_seconds()} if told else {}
