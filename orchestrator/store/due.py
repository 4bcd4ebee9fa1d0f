"""The protocol of a row: how work on it is asked for, begun, kept, recorded and given back.

dispatch   send (id, claim) with the claim as it stands; due again soon, in case nobody starts it
start      consume the claim number: the new one is the fence of every write that follows
take       start and finish in one transaction, for work that calls nobody outside
want       raise `generation`; the holder sees it when it renews or releases, else the row is dispatched
renew      keep all rows that this process holds (orchestrator/store/leases.py)
record     the fence: refuse to write for a row that somebody else has started since
release    give the row back; due at its next time, or at once when more was wanted meanwhile

The database is the truth and a message only a hint: every message may be lost, repeated, or an hour late.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

from prometheus_client import Counter
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.sql.dml import Update
from sqlmodel import Session

from orchestrator import metrics
from orchestrator.domain.lifecycle import breakout_task, room_task
from orchestrator.domain.timing import LAST_DISPATCH_SECONDS, dispatch_delays, waited
from orchestrator.errors import LeaseLost
from orchestrator.log import about
from orchestrator.store.database import Transaction, statement_time
from orchestrator.store.labels import labels
from orchestrator.store.messages import Message
from schemas.tables import Breakout, Due, Inbox, Meeting, Recording, Room, Sweep
from schemas.tasks import Task

Row = TypeVar("Row", bound=Due)

TABLES: tuple[type[Due], ...] = (Breakout, Room, Inbox, Recording, Meeting, Sweep)
"""Every table whose rows can be due, the most urgent kind first."""

CLOCK = -1
"""Stands where a table's number does."""
DUE_TOPIC = "due:"
"""Before a time in seconds since the epoch: published when something became due then, maybe earlier than expected."""


@dataclass(frozen=True)
class Claim:
    """The right to write for one row until its fence moves on."""

    table: type[Due]
    row_id: str
    fence: int
    generation: int
    tries: int
    """Passes begun since the last recorded progress, this one included."""
    begun: float = field(default_factory=time.monotonic, compare=False)
    """When this process got it, by its monotonic clock."""


@dataclass(frozen=True)
class Waiting:
    """The rows of a table that nobody has started although they were due."""

    rows: int
    since: datetime
    """When the first of them was due at first, as far as the messages sent since then tell."""
    overdue_since: datetime | None
    """The same of those that are due and for which no message is under way."""


def _column(table: type[Due], name: str) -> Any:
    return getattr(table, name)


def _update(table: type[Due], *conditions: ColumnElement[bool]) -> Update:
    return update(table).where(*conditions).execution_options(synchronize_session=False)


def _id(table: type[Due]) -> Any:
    return _column(table, "id")


def _dispatched_until(tx: Transaction, table: type[Due]) -> Any:
    """When a row that is dispatched now is due again; each unanswered message doubles the wait."""
    delays = dispatch_delays()
    steps = [(_column(table, "dispatches") == n, tx.after(timedelta(seconds=delay))) for n, delay in enumerate(delays)]
    return case(*steps, else_=tx.after(timedelta(seconds=delays[-1])))


def _message(tx: Transaction, row: Any, label: str, hint: Task | None, now: datetime | None) -> Message:
    """The message for a row that was just dispatched."""
    match row:
        case Breakout():
            return Message(breakout_task(row, now or tx.now()), row.id, row.claim, label, row.id)
        case Room():
            return Message(hint or room_task(row), row.id, row.claim, label, row.breakout_id)
        case Recording():
            return Message(Task.RECORDING_FOLLOW, row.id, row.claim, label, row.breakout_id)
        case Inbox():
            return Message(Task.WEBHOOK_APPLY, row.id, row.claim, label)
        case Sweep():
            return Message(Task.BREAKOUT_RECONCILE, row.id, row.claim, label)
        case _:
            return Message(Task.MEETING_SYNC, row.id, row.claim, label)


def dispatch(
    tx: Transaction,
    table: type[Due],
    row_ids: Iterable[str],
    hint: Task | None = None,
    *,
    now: datetime | None = None,
) -> None:
    """Send a message for each row that nobody holds, after the commit; `hint` names a room's task for who watches.

    A breakout's task is the one that is due at `now`, which is asked for where the caller does not know it.
    """
    ids = list(row_ids)
    if not ids:
        return
    tx.session.flush()
    statement = _update(table, _id(table).in_(ids), _column(table, "holder").is_(None)).values(
        due_at=_dispatched_until(tx, table), dispatches=_column(table, "dispatches") + 1
    )
    rows = tx.session.scalars(statement.returning(table), execution_options={"populate_existing": True}).all()
    for row, label in zip(rows, labels(tx.session, table, rows), strict=True):
        tx.send(_message(tx, row, label, hint, now))


def start_all(
    tx: Transaction, table: type[Due], asked: Sequence[tuple[str, int]], *, holder: str, lease: timedelta
) -> dict[str, Claim]:
    """Consume the claims asked for, as (row id, claim); a row whose message is stale or that is held is left out."""
    columns: Any = table
    lock_rows(tx, table, [row_id for row_id, _ in asked])
    fresh = tuple_(columns.id, columns.claim).in_(list(asked))
    statement = (
        _update(table, fresh, columns.holder.is_(None))
        .values(
            claim=columns.claim + 1,
            holder=holder,
            due_at=tx.after(lease),
            tries=columns.tries + 1,
            trying_since=case((columns.tries == 0, tx.after(timedelta())), else_=columns.trying_since),
            dispatches=0,
        )
        .returning(columns.id, columns.claim, columns.generation, columns.tries)
    )
    rows = tx.session.execute(statement).all()
    tx.count(partial(_stale(table).inc, len(asked) - len(rows)))
    return {row.id: Claim(table, row.id, row.claim, row.generation, row.tries) for row in rows}


def take(tx: Transaction, table: type[Row], row_id: str, claim: int) -> Row | None:
    """Consume `claim` for work that ends within this transaction: the row, locked; None when there is nothing to do."""
    statement = _update(
        table, _id(table) == row_id, _column(table, "claim") == claim, _column(table, "holder").is_(None)
    ).values(claim=claim + 1, tries=_column(table, "dispatches"), dispatches=0, due_at=None)
    returned = statement.returning(table)
    row: Row | None = tx.session.scalar(returned, execution_options={"populate_existing": True})
    if row is None:
        tx.count(_stale(table).inc)
        return None
    about(attempt=max(1, row.tries))
    return row


def want(tx: Transaction, table: type[Due], row_ids: Iterable[str], hint: Task | None = None) -> None:
    """Say that something about the rows is wanted anew; those that nobody holds are dispatched.

    A row whose message has just been sent is not sent another: that one will see the new generation.
    """
    ids = list(row_ids)
    if not ids:
        return
    tx.session.flush()
    soon = tx.after(timedelta(seconds=dispatch_delays()[0]))
    unsent = or_(_column(table, "dispatches") == 0, _column(table, "due_at") > soon)
    statement = _update(table, _id(table).in_(_locked(table, ids))).values(generation=_column(table, "generation") + 1)
    rows = tx.session.execute(statement.returning(_id(table), and_(_column(table, "holder").is_(None), unsent)))
    dispatch(tx, table, [row_id for row_id, idle in rows if idle], hint)


def lock_rows(tx: Transaction, table: type[Due], row_ids: Iterable[str]) -> None:
    """Lock rows in the order of their ids: two that lock several never wait for each other in a circle."""
    tx.session.execute(_locked(table, row_ids))


def _locked(table: type[Due], row_ids: Iterable[str]) -> Select[Any]:
    """The ids of rows, locked in order."""
    statement = select(_id(table)).where(_id(table).in_(list(row_ids))).order_by(_id(table))
    return statement.with_for_update(key_share=True)


def set_due(tx: Transaction, table: type[Due], row_id: str, due_at: datetime | None) -> None:
    """Store when a row that nobody holds is due next, and tell the timekeeper."""
    tx.session.flush()
    tx.session.execute(
        _update(table, _id(table) == row_id, _column(table, "holder").is_(None)).values(due_at=due_at, dispatches=0)
    )
    if due_at is not None:
        _wake_by(tx, due_at)


def due_by(tx: Transaction, table: type[Due], row_ids: Iterable[str], at: datetime) -> None:
    """See that rows which nobody holds are looked at by then; whoever holds one sees to it when giving it back."""
    due_at = _column(table, "due_at")
    statement = _update(table, _id(table).in_(list(row_ids)), _column(table, "holder").is_(None))
    tx.session.execute(statement.where(or_(due_at.is_(None), due_at > at)).values(due_at=at, dispatches=0))
    _wake_by(tx, at)


def _wake_by(tx: Transaction, at: datetime) -> None:
    """Have timekeepers that would sleep longer look by then."""
    tx.wake(f"{DUE_TOPIC}{at.timestamp()}")


def record(tx: Transaction, claim: Claim, *, progress: bool = True) -> None:
    """Raise LeaseLost unless the claim is still good; recorded progress resets the count of tries."""
    untouched = {"tries": _column(claim.table, "tries")}
    values: dict[str, Any] = {"tries": 0, "progressed_at": tx.after(timedelta())} if progress else untouched
    statement = _update(
        claim.table, _id(claim.table) == claim.row_id, _column(claim.table, "claim") == claim.fence
    ).values(**values)
    if _rows(tx, statement) != 1:
        raise LeaseLost(f"{claim.table.__name__.lower()} {claim.row_id} is somebody else's by now")


def record_all(tx: Transaction, claims: Sequence[Claim], progress: Collection[str]) -> dict[str, Any]:
    """The rows, as they are now, whose claims are still good; of those in `progress` the tries are reset.

    All claims are on one table; nothing may be written for a row that is not in the answer.
    """
    table = claims[0].table
    good = tuple_(_id(table), _column(table, "claim")).in_([(claim.row_id, claim.fence) for claim in claims])
    lock_rows(tx, table, [claim.row_id for claim in claims])
    got_on = _id(table).in_(list(progress))
    tries = case((got_on, 0), else_=_column(table, "tries"))
    progressed_at = case((got_on, tx.after(timedelta())), else_=_column(table, "progressed_at"))
    statement = _update(table, good).values(tries=tries, progressed_at=progressed_at).returning(table)
    rows = tx.session.scalars(statement, execution_options={"populate_existing": True}).all()
    return {row.id: row for row in cast(Sequence[Any], rows)}


def release_all(tx: Transaction, claims: Sequence[Claim]) -> None:
    """Give rows back that have all they were wanted to have; those whose generation has moved on are due at once."""
    by_generation: dict[tuple[type[Due], int], list[str]] = defaultdict(list)
    for claim in claims:
        by_generation[claim.table, claim.generation].append(claim.row_id)
    tx.session.flush()
    for (table, generation), row_ids in by_generation.items():
        statement = (
            _update(table, _id(table).in_(row_ids))
            .values(holder=None, dispatches=0, due_at=None, tries=0)
            .returning(_id(table), _column(table, "generation"))
        )
        moved_on = [row_id for row_id, now_wanted in tx.session.execute(statement).all() if now_wanted != generation]
        dispatch(tx, table, moved_on)


def release(tx: Transaction, claim: Claim, *, due_at: datetime | None, untried: bool = False) -> None:
    """Give the row back: due at `due_at`, or at once when its generation has moved on; no-op when it was lost.

    `untried` takes back the try of a pass that never got its turn.
    """
    table = claim.table
    tx.session.flush()
    statement = (
        _update(table, _id(table) == claim.row_id, _column(table, "claim") == claim.fence)
        .values(
            holder=None,
            dispatches=0,
            due_at=due_at,
            tries=case((_column(table, "tries") > 0, _column(table, "tries") - int(untried)), else_=0),
        )
        .returning(_column(table, "generation"))
    )
    generation = tx.session.scalar(statement)
    if generation is not None and generation != claim.generation:
        dispatch(tx, table, [claim.row_id])
    elif due_at is not None:
        _wake_by(tx, due_at)


def dispatch_due(tx: Transaction, table: type[Due], limit: int, *, resend: bool) -> tuple[int, int]:
    """The timekeeper's scan of one table: (rows dispatched, leases that had ended by themselves).

    Rows that another process has locked are passed over; with `resend` false only rows that wait for no message are
    sent, for a queue that is long already is not helped by a second copy of what it holds.
    """
    due = _column(table, "due_at")
    now = type_coerce(statement_time(tx.session), due.type)
    query = select(_id(table), _column(table, "holder"), now).where(due <= now).order_by(due).limit(limit)
    if not resend:
        query = query.where(_column(table, "dispatches") == 0)
    found = tx.session.execute(query.with_for_update(skip_locked=True, key_share=True)).all()
    ended = [row_id for row_id, holder, _ in found if holder is not None]
    if ended:
        tx.session.execute(_update(table, _id(table).in_(ended)).values(holder=None))
    dispatch(tx, table, [row_id for row_id, *_ in found], now=found[0][2] if found else None)
    return len(found), len(ended)


def forget_dispatches(tx: Transaction, table: type[Due]) -> None:
    """The broker was emptied or replaced: whatever was sent and not started is due at once."""
    waiting = _column(table, "dispatches") > 0, _column(table, "holder").is_(None)
    lock_rows(tx, table, tx.session.scalars(select(_id(table)).where(*waiting)))
    tx.session.execute(_update(table, *waiting).values(due_at=tx.now(), dispatches=0))


def next_due(
    session: Session, *, after: datetime | None = None, unsent: bool = False
) -> tuple[dict[type[Due], datetime], datetime]:
    """When the first row of each table is due (`after` a time, if given), where any is; and what time it is.

    With `unsent` rows don't count that wait for a message. One statement, for it is asked all the time.
    """
    firsts = [_first_due(table, number, after, unsent=unsent) for number, table in enumerate(TABLES)]
    clock = select(literal(CLOCK), type_coerce(statement_time(session), _column(Breakout, "due_at").type))
    found = dict(session.execute(union_all(*firsts, clock)).all())
    now = found.pop(CLOCK)
    return {TABLES[number]: due_at for number, due_at in found.items() if due_at is not None}, now


def _first_due(table: type[Due], number: int, after: datetime | None, *, unsent: bool) -> Select[Any]:
    due_at = _column(table, "due_at")
    first = select(literal(number), func.min(due_at))
    if after is not None:
        first = first.where(due_at > after)
    return first.where(_column(table, "dispatches") == 0) if unsent else first


def waiting(session: Session, now: datetime) -> dict[type[Due], Waiting]:
    """What waits in each table, where anything does: one statement, which reads only what is due about now."""
    horizon = now + timedelta(seconds=LAST_DISPATCH_SECONDS)
    groups = [_waiting_in(table, number, now, horizon) for number, table in enumerate(TABLES)]
    found: dict[type[Due], list[Any]] = defaultdict(list)
    for row in session.execute(union_all(*groups)):
        found[TABLES[row.number]].append(row)
    return {table: _sum_up(rows, now) for table, rows in found.items()}


def _waiting_in(table: type[Due], number: int, now: datetime, horizon: datetime) -> Select[Any]:
    due_at, dispatches = _column(table, "due_at"), _column(table, "dispatches")
    return (
        select(literal(number).label("number"), dispatches, func.count().label("rows"), func.min(due_at).label("first"))
        .where(due_at <= horizon, or_(due_at <= now, dispatches > 0))
        .group_by(dispatches)
    )


def _sum_up(rows: Sequence[Any], now: datetime) -> Waiting:
    """Of groups with the same number of messages sent."""
    overdue = [row.first for row in rows if row.first <= now]
    since = min(row.first - waited(row.dispatches) for row in rows)
    return Waiting(sum(row.rows for row in rows), since, min(overdue, default=None))


def _stale(table: type[Due]) -> Counter:
    return metrics.STALE_MESSAGES.labels(table.__name__.lower())


def _rows(tx: Transaction, statement: Update) -> int:
    result = tx.session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount
