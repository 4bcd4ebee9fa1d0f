"""The lines of one endpoint: what is to be sent now, and what came of what was sent.

The deliveries of one breakout are a line: each waits for the one before. A ping, and what an operator has sent again,
waits for nothing. All of it is decided under the endpoint's claim, so that one process at a time does.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, select
from sqlmodel import col

from orchestrator import metrics
from orchestrator.domain.delivering import (
    FAILS_FOR,
    GONE,
    KEPT_FOR,
    SETTLED_AFTER,
    has_heard,
    is_success,
    retry_delay,
)
from orchestrator.domain.timing import earliest
from orchestrator.log import logger
from orchestrator.runtime.clock import elapsed
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks import endpoints, signing
from orchestrator.services.webhooks.bodies import body_of
from orchestrator.services.webhooks.spreading import catch_up
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import holds
from schemas.columns import new_id
from schemas.states import DeliveryState
from schemas.tables import IS_AT_ONCE, IS_IN_LINE, Breakout, Delivery, Endpoint, EndpointCursor, Event

log = logger(__name__)

READ_EVENTS = 200
"""Events of a log that are read at once."""
AHEAD = 1000
"""So many deliveries of a breakout are in line at most; the rest stays in the log."""
SENT_TOGETHER = 20
"""Deliveries of one line that are sent one after another before they are recorded together."""
PURGED_ROWS = 500


@dataclass(frozen=True)
class Letter:
    """One delivery, ready to be sent."""

    id: str
    body: str


@dataclass(frozen=True)
class Line:
    """Deliveries that are sent one after another."""

    key: str
    """The breakout, or the delivery itself if it waits for nothing."""
    letters: tuple[Letter, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of sending one delivery."""

    delivery_id: str
    status: int | None
    """The answer's; None without one."""
    is_refused: bool = False
    """Whether its target may not be called."""


@dataclass(frozen=True)
class Work:
    """What is to be sent now."""

    url: str = ""
    secrets: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    is_over: bool = False
    """Whether nothing is left, and the row was released."""
    read_at: float = 0.0
    """When it was read, by the monotonic clock: after what was committed before, and before all else."""


def go_on(deps: Deps, claim: due.Claim, outcomes: Sequence[Outcome], busy: Collection[str], room: int) -> Work:
    """Record outcomes, and return up to `room` further lines, without those that are `busy`.

    With nothing busy and nothing to send it releases the endpoint. Raises LeaseLost.
    """
    with deps.database.transaction() as tx:
        due.record(tx, claim, progress=bool(outcomes))
        endpoint = tx.session.get_one(Endpoint, claim.row_id, populate_existing=True)
        lines = _Lines(deps, tx, endpoint, tx.now())
        lines.record(outcomes)
        read_at = elapsed()
        found = lines.choose(busy, room) if room > 0 else []
        if not found and not busy:
            lines.purge()
            tx.session.flush()
            due.release(tx, claim, due_at=lines.next_due())
            return Work(is_over=True)
        secrets = signing.secrets_of(deps.vault, endpoint, lines.now)
        return Work(endpoint.url, tuple(secrets), tuple(found), read_at=read_at)


class _Lines:
    """The lines of one endpoint, in a transaction that holds its claim."""

    def __init__(self, deps: Deps, tx: Transaction, endpoint: Endpoint, now: datetime) -> None:
        self._deps = deps
        self._tx = tx
        self._endpoint = endpoint
        self.now = now

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Record what came of deliveries. One that is gone by now is passed over."""
        if not outcomes:
            return
        sent = select(Delivery).where(col(Delivery.id).in_([outcome.delivery_id for outcome in outcomes]))
        deliveries = {delivery.id: delivery for delivery in self._tx.session.scalars(sent)}
        for outcome in outcomes:
            delivery = deliveries.get(outcome.delivery_id)
            if delivery is None:
                continue
            delivery.attempts += 1
            delivery.attempts_in_round += 1
            delivery.last_status = outcome.status
            if delivery.state is DeliveryState.PENDING:  # else it was sent twice, and has been delivered
                self._move(delivery, outcome)
            self._tx.count(metrics.DELIVERIES.labels(_fate(outcome)).inc)
        self._tx.session.flush()

    def _move(self, delivery: Delivery, outcome: Outcome) -> None:
        if outcome.is_refused:
            self._end(delivery, DeliveryState.REFUSED)
        elif is_success(outcome.status):
            self._endpoint.failing_since = None
            self._end(delivery, DeliveryState.DELIVERED)
            return
        elif outcome.status == GONE or (delay := retry_delay(delivery.attempts_in_round)) is None:
            self._end(delivery, DeliveryState.FAILED)
        else:
            delivery.next_attempt_at = self.now + delay
        self._note_failure(is_gone=outcome.status == GONE)

    def _end(self, delivery: Delivery, state: DeliveryState) -> None:
        """End a delivery. Its line goes on, if it was sent out of turn."""
        if delivery.at_once and delivery.in_line:
            cursor = self._tx.session.get(EndpointCursor, (self._endpoint.id, delivery.breakout_id))
            if cursor is not None:
                cursor.ready_at = self.now
        delivery.state, delivery.next_attempt_at = state, None
        delivery.in_line = delivery.at_once = False

    def _note_failure(self, *, is_gone: bool) -> None:
        endpoint = self._endpoint
        endpoint.failing_since = endpoint.failing_since or self.now
        if not endpoint.disabled and (is_gone or self.now - endpoint.failing_since >= FAILS_FOR):
            endpoints.disable(endpoint, self.now)
            log.warning("a webhook endpoint is disabled", endpoint_id=endpoint.id, is_gone=is_gone)

    def choose(self, busy: Collection[str], room: int) -> list[Line]:
        """Return up to `room` lines that are to be sent now."""
        found = self._at_once(busy, room)
        if self._endpoint.disabled:
            return found
        if self._endpoint.settles_at is not None and self._endpoint.settles_at <= self.now:
            catch_up(self._tx, self._endpoint.id, self._endpoint.settles_at - SETTLED_AFTER)
            self._endpoint.settles_at = None
        ready = (
            select(EndpointCursor)
            .where(
                col(EndpointCursor.endpoint_id) == self._endpoint.id,
                col(EndpointCursor.ready_at) <= self.now,
                col(EndpointCursor.breakout_id).not_in(list(busy)),
            )
            .order_by(col(EndpointCursor.ready_at))
        )
        while len(found) < room and (cursors := self._tx.session.scalars(ready.limit(room - len(found))).all()):
            chosen = [line for cursor in cursors if (line := self._line(cursor))]
            self._tx.session.flush()
            found += chosen
            if chosen:
                break
        return found

    def _at_once(self, busy: Collection[str], room: int) -> list[Line]:
        direct = self._letters(
            holds(Delivery, IS_AT_ONCE), col(Delivery.next_attempt_at) <= self.now, col(Delivery.id).not_in(list(busy))
        ).order_by(col(Delivery.next_attempt_at), col(Delivery.id))
        return [self._as_line(row.Delivery.id, [row]) for row in self._tx.session.execute(direct.limit(room))]

    def _line(self, cursor: EndpointCursor) -> Line | None:
        """Return what is to be sent of one breakout now, and store when its line goes on."""
        is_read = self._read_log(cursor)
        first = self._letters(holds(Delivery, IS_IN_LINE), col(Delivery.breakout_id) == cursor.breakout_id)
        rows = self._tx.session.execute(first.order_by(col(Delivery.number)).limit(SENT_TOGETHER)).all()
        if not rows:
            cursor.ready_at = None if is_read else self.now
            return None
        head = rows[0].Delivery
        if head.at_once:
            cursor.ready_at = None  # its end makes the line ready again
            return None
        if head.next_attempt_at is not None and head.next_attempt_at > self.now:
            cursor.ready_at = head.next_attempt_at
            return None
        cursor.ready_at = self.now
        others = takewhile(lambda row: not row.Delivery.at_once, rows[1:])
        return self._as_line(cursor.breakout_id, [rows[0], *others])

    def _letters(self, *conditions: Any) -> Any:
        event = and_(col(Event.breakout_id) == col(Delivery.breakout_id), col(Event.number) == col(Delivery.number))
        return (
            select(Delivery, Event, col(Breakout.meeting_id))
            .outerjoin(Event, event)
            .outerjoin(Breakout, col(Breakout.id) == col(Delivery.breakout_id))
            .where(col(Delivery.endpoint_id) == self._endpoint.id, *conditions)
        )

    def _as_line(self, key: str, rows: Iterable[Row[Any]]) -> Line:
        letters = (Letter(row.Delivery.id, body_of(row.Delivery, row.Event, row.meeting_id)) for row in rows)
        return Line(key, tuple(letters))

    def _read_log(self, cursor: EndpointCursor) -> bool:
        """Put the next events of a log in line. Returns whether the log was read to its end, or far enough."""
        if cursor.number is None:
            before = col(Event.breakout_id) == cursor.breakout_id, col(Event.at) <= self._endpoint.created_at
            cursor.number = self._tx.session.scalar(select(func.max(col(Event.number))).where(*before)) or 0
        if self._is_long(cursor):
            return True
        events = self._tx.session.execute(
            select(col(Event.number), col(Event.type), col(Event.at))
            .where(col(Event.breakout_id) == cursor.breakout_id, col(Event.number) > cursor.number)
            .order_by(col(Event.number))
            .limit(READ_EVENTS)
        ).all()
        if rows := [self._in_line(cursor, event) for event in events if self._hears(event)]:
            self._tx.session.execute(insert(Delivery), rows)
        cursor.number = events[-1].number if events else cursor.number
        return len(events) < READ_EVENTS

    def _is_long(self, cursor: EndpointCursor) -> bool:
        line = col(Delivery.endpoint_id) == self._endpoint.id, col(Delivery.breakout_id) == cursor.breakout_id
        waiting = select(func.count()).select_from(Delivery).where(*line, holds(Delivery, IS_IN_LINE))
        return (self._tx.session.scalar(waiting) or 0) >= AHEAD

    def _hears(self, event: Row[Any]) -> bool:
        endpoint = self._endpoint
        is_asked_for = endpoint.events is None or event.type in endpoint.events
        return is_asked_for and has_heard(event.at, endpoint.created_at, endpoint.deaf)

    def _in_line(self, cursor: EndpointCursor, event: Row[Any]) -> dict[str, Any]:
        return {
            "id": new_id(),
            "endpoint_id": self._endpoint.id,
            "breakout_id": cursor.breakout_id,
            "number": event.number,
            "type": event.type,
            "state": DeliveryState.PENDING,
            "in_line": True,
            "at_once": False,
            "attempts": 0,
            "attempts_in_round": 0,
            "created_at": self.now,
        }

    def purge(self) -> None:
        """Delete deliveries that are too old, of those made first: to look for them reads no others of a month."""
        mine = select(col(Delivery.id), col(Delivery.created_at)).where(col(Delivery.endpoint_id) == self._endpoint.id)
        first = mine.order_by(col(Delivery.id)).limit(PURGED_ROWS).subquery()
        old = select(first.c.id).where(first.c.created_at <= self.now - KEPT_FOR)
        statement = delete(Delivery).where(col(Delivery.id).in_(old))
        self._tx.session.execute(statement, execution_options={"synchronize_session": False})

    def next_due(self) -> datetime | None:
        """Return when something is to be sent, or a delivery is too old."""
        mine = col(Delivery.endpoint_id) == self._endpoint.id
        oldest = select(col(Delivery.created_at)).where(mine).order_by(col(Delivery.id)).limit(1)
        created_at = self._tx.session.scalar(oldest)
        direct = select(func.min(col(Delivery.next_attempt_at))).where(mine, holds(Delivery, IS_AT_ONCE))
        cursors = select(func.min(col(EndpointCursor.ready_at))).where(
            col(EndpointCursor.endpoint_id) == self._endpoint.id
        )
        return earliest(
            created_at + KEPT_FOR if created_at else None,
            self._tx.session.scalar(direct),
            None if self._endpoint.disabled else self._tx.session.scalar(cursors),
            None if self._endpoint.disabled else self._endpoint.settles_at,
        )


def _fate(outcome: Outcome) -> str:
    if outcome.is_refused:
        return "refused"
    return "delivered" if is_success(outcome.status) else "unanswered" if outcome.status is None else "not taken"
