"""Which endpoints hear of a meeting, and the note for them that the log of a breakout has grown."""

from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Mapped
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import col

from orchestrator.domain.timing import dispatch_delays, dispatched_at
from orchestrator.store.database import Transaction, execute, insert_on, time_after
from orchestrator.store.messages import Message
from schemas.tables import Breakout, Delivery, Endpoint, EndpointCursor, Meeting, Outbox
from schemas.tasks import Task

_UNSYNCHRONIZED = {"synchronize_session": False}


def hears_of(meeting_id: str | ColumnElement[str] | Mapped[str]) -> ColumnElement[bool]:
    """Return the condition of endpoints that hear of a meeting, or of that of another row.

    This is the only place that decides it.
    """
    asked_for = or_(col(Endpoint.meeting_id).is_(None), col(Endpoint.meeting_id) == meeting_id)
    tenant = select(col(Meeting.tenant)).where(col(Meeting.id) == meeting_id).scalar_subquery()
    theirs = or_(col(Endpoint.tenant).is_(None), col(Endpoint.tenant) == tenant)
    return and_(~col(Endpoint.disabled), asked_for, theirs)


def forget_meeting(tx: Transaction, meeting_id: str) -> None:
    """Delete the endpoints of a meeting, and all that is to be delivered about it elsewhere.

    A meeting is deleted after this, although its rows would take these with them: a pass over an endpoint locks the
    endpoint first, then its cursors, and touches breakouts last. All endpoints are locked in the order of their ids, as
    `want` locks them.
    """
    tx.session.execute(_told_of(meeting_id).order_by(col(Endpoint.id)).with_for_update(key_share=True))
    mine = col(Endpoint.meeting_id) == meeting_id
    tx.session.execute(delete(Endpoint).where(mine), execution_options=_UNSYNCHRONIZED)
    for table in (EndpointCursor, Delivery):
        columns: Any = table
        statement = delete(table).where(columns.breakout_id.in_(_breakouts(meeting_id)))
        tx.session.execute(statement, execution_options=_UNSYNCHRONIZED)


def is_forgotten(tx: Transaction, meeting_id: str) -> bool:
    """Return whether no endpoint was made for a meeting, or told of it, since it was forgotten."""
    return tx.session.scalar(_told_of(meeting_id).limit(1)) is None


def _told_of(meeting_id: str) -> Select[Any]:
    """Select the endpoints of a meeting, and those that go on with its breakouts."""
    cursors = select(col(EndpointCursor.endpoint_id)).where(col(EndpointCursor.breakout_id).in_(_breakouts(meeting_id)))
    return select(col(Endpoint.id)).where(or_(col(Endpoint.meeting_id) == meeting_id, col(Endpoint.id).in_(cursors)))


def _breakouts(meeting_id: str) -> Select[Any]:
    return select(col(Breakout.id)).where(col(Breakout.meeting_id) == meeting_id)


def note_growth(tx: Transaction, breakout: Breakout) -> None:
    """Note that the log of a breakout has grown, if any endpoint hears of it: one statement, however many do.

    A row whose message has just been sent is not sent another.
    """
    told = {"breakout": breakout.id, "of": breakout.meeting_id}
    found = execute(tx.session, _noted(tx.dialect), told).one_or_none()
    if found is not None and found.dispatches == 1:
        label = f"{breakout.name} · news"
        at = dispatched_at(found.due_at, found.dispatches)
        tx.send(Message(Task.WEBHOOK_SPREAD, breakout.id, found.claim, label, at, breakout.id))


@cache
def _noted(dialect: str) -> ReturningInsert[Any]:
    """Return the statement that notes the growth of the log of `breakout`, if anybody hears `of` its meeting."""
    columns: Any = Outbox
    someone = exists().where(hears_of(bindparam("of", type_=String())))
    soon = type_coerce(time_after(dialect, timedelta(seconds=dispatch_delays()[0])), columns.due_at.type)
    fresh = {"claim": 0, "generation": 0, "tries": 0, "dispatches": 1}
    row_id = bindparam("breakout", type_=String())
    new = select(row_id, soon, *(literal(number) for number in fresh.values())).where(someone)
    return (
        insert_on(dialect, Outbox)
        .from_select(["id", "due_at", *fresh], new, include_defaults=False)
        .on_conflict_do_update(
            index_elements=["id"],
            set_={
                "due_at": func.coalesce(columns.due_at, soon),
                "dispatches": case((columns.dispatches == 0, 1), else_=2),
            },
        )
        .returning(columns.claim, columns.dispatches, columns.due_at)
    )
