"""Gauges for Prometheus: how many rows, messages and calls are under way, by a few indexed queries.

Only what is live is counted, through partial indexes, because what has ended grows for ever. The counters of
orchestrator/metrics.py count that as it happens.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Select, String, func, literal, select, text, type_coerce, union_all
from sqlmodel import Session, col

from orchestrator.log import logger
from orchestrator.realtimekit.quota.budget import usable_of
from orchestrator.services.deps import Deps
from orchestrator.store import scan
from orchestrator.store.database import database_now
from orchestrator.store.kinds import KINDS
from schemas.states import BreakoutState, DeliveryState, Location, RecordingState, RoomState, SeatState
from schemas.tables import IS_LIVE, IS_NOT_DELIVERED, Breakout, Delivery, Participant, Recording, Room, Seat

log = logger(__name__)

CACHE_SECONDS = 2.0
"""Figures younger than this are given again, so that frequent scrapes cost nothing more."""

S, R = BreakoutState, RecordingState

NOT_DELIVERED: list[str] = [DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.REFUSED]

STATES: dict[str, tuple[str, list[str]]] = {
    "breakouts": ("Breakouts that are scheduled or live, by state.", [S.SCHEDULED, S.OPENING, S.OPEN, S.CLOSING]),
    "rooms": ("Rooms of live breakouts, by state.", list(RoomState)),
    "seats": ("People's seats in live breakouts, by state.", list(SeatState)),
    "participants": ("People of meetings with a live breakout, by where they were last seen.", list(Location)),
    "recordings": ("Recordings under way or uploading, by state.", [R.REQUESTED, R.RECORDING, R.STOPPED]),
    "webhook_deliveries": ("Our webhooks that wait, and those that were given up, by state.", NOT_DELIVERED),
}

LIVE_BREAKOUTS = select(col(Breakout.id), col(Breakout.meeting_id)).where(text(IS_LIVE))
"""The live breakouts. The condition is spelled like the partial index's, or that would not be used."""


class Gauges:
    """A Prometheus collector over the database, the broker and the quota, for one process of the API."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._found: list[Metric] = []

    def collect(self) -> list[Metric]:
        """Read all figures that are older than CACHE_SECONDS. `breakouts_up` says which part is out of reach."""
        with self._lock:
            if time.monotonic() - self._read_at > CACHE_SECONDS:
                self._found = list(_read(self._deps))
                self._read_at = time.monotonic()
            return self._found


def _read(deps: Deps) -> Iterator[Metric]:
    up = GaugeMetricFamily("breakouts_up", "Whether this process reached the database and the broker.", labels=["part"])
    parts: dict[str, Callable[[Deps], Iterable[Metric]]] = {"database": _database, "broker": _broker}
    for part, read in parts.items():
        try:
            found = list(read(deps))
        except Exception as error:
            log.warning("no figures", part=part, error=type(error).__name__)
            found = []
        up.add_metric([part], bool(found))
        yield from found
    yield up


def _database(deps: Deps) -> Iterator[Metric]:
    with deps.database.reading() as session:
        now = database_now(session)
        waiting = scan.waiting(session, now)
        counts = count_states(session)
    rows = GaugeMetricFamily("breakouts_due_rows", "Rows that are due and that nobody has started.", labels=["table"])
    age = GaugeMetricFamily("breakouts_due_oldest_age_seconds", "How long the first of them waits.", labels=["table"])
    for kind in KINDS:
        found = waiting.get(kind.table)
        rows.add_metric([kind.name], found.rows if found else 0)
        age.add_metric([kind.name], max(0.0, (now - found.since).total_seconds()) if found else 0)
    yield from (rows, age)
    for what, (words, states) in STATES.items():
        label = "location" if what == "participants" else "state"
        family = GaugeMetricFamily(f"breakouts_{what}", words, labels=[label])
        for state in states:
            family.add_metric([state], counts.get((what, state), 0))
        yield family


def _broker(deps: Deps) -> Iterator[Metric]:
    queues = GaugeMetricFamily("breakouts_queue_messages", "Messages that wait in a queue.", labels=["queue"])
    for queue, length in deps.broker.queue_lengths().items():
        queues.add_metric([queue], length)
    yield queues
    calls = deps.realtimekit.run(deps.realtimekit.calls_in_window())
    yield GaugeMetricFamily("breakouts_quota_calls", "Calls to RealtimeKit in the quota's present window.", calls)
    limit = usable_of(deps.settings.realtimekit_requests_per_5_minutes)
    yield GaugeMetricFamily("breakouts_quota_limit_calls", "How many of them the quota gives out at most.", limit)


def count_states(session: Session) -> dict[tuple[str, str], int]:
    """Count live rows of each kind by state, in two statements."""
    live = session.execute(LIVE_BREAKOUTS).all()
    found = session.execute(state_counts([row.id for row in live], [row.meeting_id for row in live])).all()
    return {(what, state): number for what, state, number in found}


def state_counts(breakout_ids: Sequence[str], meeting_ids: Sequence[str]) -> Select[str, str, int]:
    """Build the second statement. It takes ids, because in a join PostgreSQL would read whole tables."""
    is_due = text("due_at IS NOT NULL")
    under_way = col(Recording.state).in_([R.REQUESTED, R.RECORDING])
    counts = union_all(
        _count("breakouts", Breakout.state).where(text(IS_LIVE)),
        _count("breakouts", Breakout.state).where(is_due, col(Breakout.state) == S.SCHEDULED),
        _count("rooms", Room.state).where(col(Room.breakout_id).in_(breakout_ids), ~col(Room.dropped)),
        _count("seats", Seat.state).where(col(Seat.breakout_id).in_(breakout_ids), text("wanted")),
        _count("participants", Participant.location).where(col(Participant.meeting_id).in_(meeting_ids)),
        _count("recordings", Recording.state).where(col(Recording.breakout_id).in_(breakout_ids), under_way),
        _count("webhook_deliveries", Delivery.state).where(text(IS_NOT_DELIVERED)),
        _count("recordings", Recording.state).where(is_due, col(Recording.state) == R.STOPPED),
    ).subquery()
    return select(counts)


def _count(what: str, state: Any) -> Select[str, str, int]:
    as_text = type_coerce(state, String)
    return select(literal(what).label("what"), as_text.label("state"), func.count().label("number")).group_by(as_text)
