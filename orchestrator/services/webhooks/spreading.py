"""Telling endpoints that the log of a breakout has grown. Nobody who writes the log waits for this."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, literal, or_, select
from sqlmodel import col

from orchestrator.domain.wording import count
from orchestrator.services.deps import Deps
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from orchestrator.store.database import Transaction, insert_into
from orchestrator.store.endpoints import hears_of
from schemas.columns import UtcDateTime
from schemas.tables import Breakout, Endpoint, EndpointCursor, Event, Outbox

TOGETHER = 100
"""Outboxes that wait besides one, and are spread with it.

A crowd of changes is then spread in a few transactions, and not in one for each, which made timers late (measured).
"""


def spread(deps: Deps, row_id: str, claim: int) -> Result:
    """Let every endpoint that hears of a breakout go on with its log. This is the task of an outbox.

    Other outboxes that wait are spread with it. All are taken last, because who writes a log waits for its outbox, and
    must not wait for a lock of an endpoint. What is written meanwhile is heard: nobody reads on for these endpoints
    before this transaction has ended.
    """
    with deps.database.transaction() as tx:
        if tx.session.scalar(select(col(Outbox.claim)).where(col(Outbox.id) == row_id)) != claim:
            return NOTHING_TO_DO
        claims = _waiting(tx, row_id)
        found = _hearing(tx, claims)
        if found:
            due.want(tx, Endpoint, found)  # locks the endpoints, and a pass over one locks it before its cursors
            _make_ready(tx, found, _still_there(tx, claims))
        due.take(tx, Outbox, row_id, claim)
        due.take_free(tx, Outbox, [other for other in claims.items() if other[0] != row_id])
    return Result(f"told {count(len(found), 'endpoint')}")


def _waiting(tx: Transaction, row_id: str) -> dict[str, int]:
    """Return the claim of an outbox, and of others that wait, by their ids."""
    waiting = select(col(Outbox.id)).where(col(Outbox.due_at).is_not(None)).order_by(col(Outbox.due_at)).limit(TOGETHER)
    which = or_(col(Outbox.id) == row_id, col(Outbox.id).in_(waiting))
    return dict(tx.session.execute(select(col(Outbox.id), col(Outbox.claim)).where(which)).all())


def _hearing(tx: Transaction, breakout_ids: Iterable[str]) -> list[str]:
    """Return the endpoints that hear of any of these breakouts."""
    some = col(Breakout.id).in_(list(breakout_ids))
    statement = select(col(Endpoint.id)).join(Breakout, hears_of(col(Breakout.meeting_id))).where(some).distinct()
    return list(tx.session.scalars(statement))


def _still_there(tx: Transaction, breakout_ids: Iterable[str]) -> list[str]:
    """Return which of these breakouts were not deleted with their meetings meanwhile. They then stay until the end."""
    statement = select(col(Breakout.id)).where(col(Breakout.id).in_(list(breakout_ids))).order_by(col(Breakout.id))
    return list(tx.session.scalars(statement.with_for_update(read=True, key_share=True)))


def _make_ready(tx: Transaction, endpoint_ids: Sequence[str], breakout_ids: Sequence[str]) -> None:
    """Let each of these endpoints go on with those of these breakouts of which it hears."""
    ready_at = literal(tx.now(), UtcDateTime)
    pairs = (
        select(col(Endpoint.id), col(Breakout.id), ready_at)
        .join(Breakout, hears_of(col(Breakout.meeting_id)))
        .where(col(Endpoint.id).in_(endpoint_ids), col(Breakout.id).in_(breakout_ids))
    )
    _put(tx, pairs)


def catch_up(tx: Transaction, endpoint_id: str, since: datetime) -> None:
    """Let an endpoint that began to hear at a time go on with every log that has grown since and that it has not read.

    Who writes a log while an endpoint is made or enabled may see that nobody hears of it, and notes nothing to spread.
    """
    cursor = col(EndpointCursor.endpoint_id) == col(Endpoint.id), col(EndpointCursor.breakout_id) == col(Breakout.id)
    unread = func.coalesce(col(EndpointCursor.number), 0) < col(Breakout.events)
    pairs = (
        select(col(Endpoint.id), col(Breakout.id), literal(tx.now(), UtcDateTime))
        .join(Breakout, hears_of(col(Breakout.meeting_id)))
        .join(Event, and_(col(Event.breakout_id) == col(Breakout.id), col(Event.number) == col(Breakout.events)))
        .outerjoin(EndpointCursor, and_(*cursor))
        .where(col(Endpoint.id) == endpoint_id, col(Event.at) > since, unread, col(EndpointCursor.ready_at).is_(None))
    )
    _put(tx, pairs)


def _put(tx: Transaction, pairs: Select[*tuple[Any, ...]]) -> None:
    """Let endpoints go on with breakouts from a time on; selected are their ids and that time."""
    statement = insert_into(tx.session, EndpointCursor).from_select(
        ["endpoint_id", "breakout_id", "ready_at"], pairs, include_defaults=False
    )
    statement = statement.on_conflict_do_update(
        index_elements=["endpoint_id", "breakout_id"], set_={"ready_at": statement.excluded.ready_at}
    )
    tx.session.execute(statement)
