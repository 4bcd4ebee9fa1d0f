"""Which rows are due, for the timekeeper, and which have waited for too long, for monitoring."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.sql.dml import Update
from sqlmodel import Session

from orchestrator.domain.timing import FIRST_DISPATCH_SECONDS, LAST_DISPATCH_SECONDS, waited
from orchestrator.store.database import Transaction, execute, time_after
from orchestrator.store.due import dispatch, lock_rows
from orchestrator.store.kinds import KIND_OF, TABLES
from schemas.tables import Breakout, Due
from schemas.tasks import Queue

Backlog = Mapping[Queue, datetime]
"""When the row was dispatched whose message waits longest in each queue. A queue without messages is left out."""

NOTHING_WAITS = datetime(9999, 1, 1, tzinfo=UTC)
OVERTAKEN_SECONDS = 10.0
"""How far two messages in a queue may be out of the order of their dispatches.

Each goes out after its commit, when the sender's turn comes. Where many threads compete that took 2 s (measured).
"""
HELD_BACK_SECONDS = 60.0
"""After this a row is sent again in any case, because its queue is perhaps not the one in which messages wait."""
TIMERS_LOST_BEFORE = "timers_lost_before"
CLOCK_NUMBER = -1
"""Takes the place of a table's number in the row that holds the database's time."""


@dataclass(frozen=True)
class Waiting:
    """The rows of one table that are due and that nobody has started."""

    rows: int
    since: datetime
    """When the first of them became due at first, computed from the number of dispatches since."""
    overdue_since: datetime | None
    """When the first row became due, or due to be sent again; None while all are due later."""


def dispatch_due(tx: Transaction, table: type[Due], limit: int, backlog: Backlog) -> tuple[int, int]:
    """Dispatch the due rows of one table, at most `limit`. Returns (rows dispatched, leases that had ended).

    Rows that another process has locked are skipped, and so are those whose message may still wait in `backlog`,
    because a second one would only make that longer.
    """
    found = execute(tx.session, _found_due(table, tx.dialect), {"most": limit, **_lost_before(table, backlog)}).all()
    ended = [row_id for row_id, holder, _ in found if holder is not None]
    if ended:
        execute(tx.session, _freed(table), {"ids": ended})
    dispatch(tx, table, [row_id for row_id, *_ in found], now=found[0][2] if found else None)
    return len(found), len(ended)


@cache
def _found_due(table: type[Due], dialect: str) -> Select[Any]:
    columns: Any = table
    now = type_coerce(time_after(dialect), columns.due_at.type)
    due = select(columns.id, columns.holder, now).where(columns.due_at <= now, _is_to_be_sent(table, dialect))
    return due.order_by(columns.due_at).limit(bindparam("most")).with_for_update(skip_locked=True, key_share=True)


def _is_to_be_sent(table: type[Due], dialect: str) -> ColumnElement[bool]:
    """Return the condition that no message for a due row can still wait in a queue, or that it has waited for long."""
    columns: Any = table
    lost_before: Any = bindparam(_parameter(table), type_=columns.due_at.type)
    if (is_timer := KIND_OF[table].is_timer) is not None:
        lost_before = case((is_timer, bindparam(TIMERS_LOST_BEFORE, type_=columns.due_at.type)), else_=lost_before)
    long_ago = type_coerce(time_after(dialect, timedelta(seconds=-HELD_BACK_SECONDS)), columns.due_at.type)
    return or_(columns.dispatches == 0, columns.due_at < lost_before, columns.due_at < long_ago)


def _lost_before(table: type[Due], backlog: Backlog) -> dict[str, datetime]:
    """Return the values for that condition: rows that were due again before these have no message in a queue.

    Queues keep their order. So a message that came before those that wait is not among them: a worker has taken it, or
    it is lost. A row's last message was sent at least FIRST_DISPATCH_SECONDS before the row is due again.
    """
    oldest = {_parameter(table): _oldest(KIND_OF[table].queues, backlog)}
    if KIND_OF[table].is_timer is not None:
        oldest[TIMERS_LOST_BEFORE] = _oldest({Queue.LIFECYCLE}, backlog)
    margin = timedelta(seconds=FIRST_DISPATCH_SECONDS - OVERTAKEN_SECONDS)
    return {name: at + margin for name, at in oldest.items()}


def _oldest(queues: Collection[Queue], backlog: Backlog) -> datetime:
    return min((backlog[queue] for queue in queues if queue in backlog), default=NOTHING_WAITS)


def _parameter(table: type[Due]) -> str:
    return f"{KIND_OF[table].name}_lost_before"


@cache
def _freed(table: type[Due]) -> Update:
    columns: Any = table
    return update(table).where(columns.id.in_(bindparam("ids"))).values(holder=None)


def forget_dispatches(tx: Transaction, table: type[Due]) -> None:
    """Make all rows due that were sent and not started, because the broker was emptied or replaced."""
    columns: Any = table
    waiting = columns.due_at.is_not(None), columns.dispatches > 0, columns.holder.is_(None)
    lock_rows(tx, table, tx.session.scalars(select(columns.id).where(*waiting)))
    statement = update(table).where(*waiting).values(due_at=tx.now(), dispatches=0)
    tx.session.execute(statement, execution_options={"synchronize_session": False})


def next_due(
    session: Session, backlog: Backlog, *, after: datetime | None = None
) -> tuple[dict[type[Due], datetime], datetime]:
    """Return when the first row of each table is due (`after` a time, if given), and what time it is.

    A table without such a row is left out. Rows whose message may still wait in `backlog` do not count. This is one
    statement, because a timekeeper asks it all the time.
    """
    statement = _next_due(session.get_bind().dialect.name, is_after=after is not None)
    told = {} if after is None else {"after": after}
    for table in TABLES:
        told |= _lost_before(table, backlog)
    found = dict(execute(session, statement, told).all())
    now = found.pop(CLOCK_NUMBER)
    return {TABLES[number]: first for number, first in found.items() if first is not None}, now


@cache
def _next_due(dialect: str, *, is_after: bool) -> CompoundSelect[Any]:
    firsts = [_first_due(table, number, dialect, is_after=is_after) for number, table in enumerate(TABLES)]
    due_at: Any = Breakout.due_at
    clock = select(literal(CLOCK_NUMBER), type_coerce(time_after(dialect), due_at.type))
    return union_all(*firsts, clock)


def _first_due(table: type[Due], number: int, dialect: str, *, is_after: bool) -> Select[Any]:
    columns: Any = table
    is_due = columns.due_at.is_not(None), _is_to_be_sent(table, dialect)  # the first of these is the index's condition
    first = select(literal(number), func.min(columns.due_at)).where(*is_due)
    return first.where(columns.due_at > bindparam("after")) if is_after else first


def waiting(session: Session, now: datetime) -> dict[type[Due], Waiting]:
    """Return what waits in each table, without empty tables, in one statement that reads only rows due about now."""
    horizon = now + timedelta(seconds=LAST_DISPATCH_SECONDS)
    groups = [_waiting_in(table, number, now, horizon) for number, table in enumerate(TABLES)]
    found: dict[type[Due], list[Any]] = defaultdict(list)
    for row in session.execute(union_all(*groups)):
        found[TABLES[row.number]].append(row)
    return {table: _sum_up(rows, now) for table, rows in found.items()}


def _waiting_in(table: type[Due], number: int, now: datetime, horizon: datetime) -> Select[Any]:
    columns: Any = table
    due_at, dispatches = columns.due_at, columns.dispatches
    return (
        select(literal(number).label("number"), dispatches, func.count().label("rows"), func.min(due_at).label("first"))
        .where(due_at <= horizon, or_(due_at <= now, dispatches > 0))
        .group_by(dispatches)
    )


def _sum_up(rows: Sequence[Any], now: datetime) -> Waiting:
    """Sum up groups of rows that have the same number of dispatches."""
    overdue = [row.first for row in rows if row.first <= now]
    since = min(row.first - waited(row.dispatches) for row in rows)
    return Waiting(sum(row.rows for row in rows), since, min(overdue, default=None))
