"""The protocol of a row: how work on it is requested, started, kept, recorded and released.

dispatch   send (id, claim) with the present claim; the row is due again soon, in case nobody starts it
start      consume the claim number by raising it; the new number is the fence of every write that follows
take       start and finish in one transaction, for work that calls nobody outside; `take_free` takes several
want       raise `generation`; a holder sees that when it releases, and a row without a holder is dispatched, unless it
           is paced and rests: then it is due when its rest ends
renew      extend the leases of all rows that this process holds (orchestrator/store/leases.py calls it)
record     refuse to write for a row that somebody else has started since
release    end the hold; the row is due at its next time, or at once when its generation has moved on

The database is the truth and a message only a hint: every message may be lost, repeated, or an hour late.

Each statement is built once for a table. To build it anew costs more than to execute it (measured).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Generic, NamedTuple, TypeVar

from prometheus_client import Counter
from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, case, null, or_, select, tuple_, update
from sqlalchemy.sql.dml import ReturningUpdate, Update

from orchestrator import metrics
from orchestrator.domain.timing import REST_SECONDS, dispatch_delays, dispatched_at
from orchestrator.errors import LeaseLost
from orchestrator.log import about
from orchestrator.runtime.clock import elapsed
from orchestrator.store.database import Transaction, execute, locked_time, time_after
from orchestrator.store.kinds import KIND_OF
from orchestrator.store.messages import Message
from schemas.events import due_topic
from schemas.tables import Due, Paced
from schemas.tasks import Task

Row = TypeVar("Row", bound=Due)


@dataclass(frozen=True)
class Claim:
    """The right to write for one row until its fence moves on."""

    table: type[Due]
    row_id: str
    fence: int
    generation: int
    tries: int
    """Passes begun since the last recorded progress, this one included."""
    begun: float = field(default_factory=elapsed, compare=False)
    """When this process got the claim, in seconds by elapsed()."""


class Locked(NamedTuple, Generic[Row]):
    """A row that a transaction has locked, and the database's time after that."""

    row: Row
    at: datetime


@dataclass(frozen=True)
class Renewal:
    """What a renewal found, by row id."""

    renewed: frozenset[str]
    """Rows whose lease was extended."""
    ours: frozenset[str]
    """Rows that this process still holds; some of them may be locked at the moment, and were not renewed."""


def dispatch(
    tx: Transaction,
    table: type[Due],
    row_ids: Iterable[str],
    hint: Task | None = None,
    *,
    now: datetime | None = None,
) -> None:
    """Send a message after the commit for each of these rows that nobody holds.

    `hint` names the task for readers of Flower where the caller knows better than the row. A breakout's task depends on
    the time, which is asked for unless the caller passes `now`.
    """
    ids = list(row_ids)
    if not ids:
        return
    tx.session.flush()
    rows = tx.session.scalars(_dispatched(table, tx.dialect), {"ids": ids}).all()
    _send(tx, table, rows, hint, now)


@cache
def _dispatched(table: type[Due], dialect: str) -> ReturningUpdate[Any]:
    columns: Any = table
    statement = _update(table, columns.id.in_(bindparam("ids")), columns.holder.is_(None)).values(
        due_at=_due_again(table, dialect), dispatches=columns.dispatches + 1
    )
    return statement.returning(table).execution_options(populate_existing=True)


def _send(tx: Transaction, table: type[Due], rows: Sequence[Any], hint: Task | None, now: datetime | None) -> None:
    kind = KIND_OF[table]
    for row, label in zip(rows, kind.labels(tx.session, rows) if rows else [], strict=True):
        task = hint or kind.task(row, lambda: now or tx.now())
        at = dispatched_at(row.due_at, row.dispatches)
        tx.send(Message(task, row.id, row.claim, label, at, kind.breakout_id(row)))


def _due_again(table: type[Due], dialect: str) -> Any:
    """Return when a row that is dispatched now is due again. Each message that nobody started doubles the wait."""
    columns: Any = table
    delays = dispatch_delays()
    times = [time_after(dialect, timedelta(seconds=delay)) for delay in delays]
    steps = [(columns.dispatches == n, at) for n, at in enumerate(times)]
    return case(*steps, else_=time_after(dialect, timedelta(seconds=delays[-1])))


def start_all(
    tx: Transaction, table: type[Due], asked: Sequence[tuple[str, int]], *, holder: str, lease: timedelta
) -> dict[str, Claim]:
    """Consume the claims asked for, given as (row id, claim), and hold these rows for `lease`.

    A row whose message is stale, or that somebody holds, is missing in the result.
    """
    _lock_several(tx, table, [row_id for row_id, _ in asked])
    statement = _started(table, tx.dialect, lease)
    rows = execute(tx.session, statement, {"asked": list(asked), "by": holder}).all()
    tx.count(partial(_stale(table).inc, len(asked) - len(rows)))
    return {row.id: Claim(table, row.id, row.claim, row.generation, row.tries) for row in rows}


@cache
def _started(table: type[Due], dialect: str, lease: timedelta) -> ReturningUpdate[Any]:
    columns: Any = table
    statement = _update(table, _are_claimed(table), columns.holder.is_(None)).values(
        claim=columns.claim + 1,
        holder=bindparam("by"),
        due_at=time_after(dialect, lease),
        tries=columns.tries + 1,
        trying_since=case((columns.tries == 0, time_after(dialect)), else_=columns.trying_since),
        dispatches=0,
    )
    return statement.returning(columns.id, columns.claim, columns.generation, columns.tries)


def _are_claimed(table: type[Due]) -> ColumnElement[bool]:
    """Return the condition that a row's id and claim are among those `asked` for."""
    columns: Any = table
    return tuple_(columns.id, columns.claim).in_(bindparam("asked"))


def take(tx: Transaction, table: type[Row], row_id: str, claim: int) -> Locked[Row] | None:
    """Consume `claim` for work that ends within this transaction.

    Returns None when the message is stale or somebody holds the row.
    """
    statement = _taken_one(table, tx.dialect)
    taken: tuple[Row, datetime] | None = tx.session.execute(statement, {"row_id": row_id, "fence": claim}).one_or_none()
    if taken is None:
        tx.count(_stale(table).inc)
        return None
    about(attempt=max(1, taken[0].tries))
    return Locked(*taken)


def take_free(tx: Transaction, table: type[Due], asked: Collection[tuple[str, int]]) -> None:
    """Consume claims, given as (row id, claim), like `take`, of those rows that nobody locks just now.

    It waits for no lock, so that the caller may hold others. A row that is passed over has a message of its own.
    """
    if not asked:
        return
    columns: Any = table
    fresh = select(columns.id).where(_are_claimed(table), columns.holder.is_(None))
    free = tx.session.scalars(fresh.with_for_update(skip_locked=True, key_share=True), {"asked": list(asked)})
    tx.session.execute(_taken(table, tx.dialect, columns.id.in_(list(free))))


@cache
def _taken_one(table: type[Due], dialect: str) -> ReturningUpdate[Any]:
    columns: Any = table
    statement = _taken(table, dialect, *_is_fenced(table), columns.holder.is_(None))
    return statement.returning(table, locked_time(dialect)).execution_options(populate_existing=True)


def _taken(table: type[Due], dialect: str, *conditions: ColumnElement[bool]) -> Update:
    """Consume the claims of these rows, which are due no more. Those that are paced begin their rest."""
    columns: Any = table
    values = {"claim": columns.claim + 1, "tries": columns.dispatches, "dispatches": 0, "due_at": None}
    if issubclass(table, Paced):
        values["rests_until"] = time_after(dialect, timedelta(seconds=REST_SECONDS))
    return _update(table, *conditions).values(values)


def want(tx: Transaction, table: type[Due], row_ids: Iterable[str], hint: Task | None = None) -> None:
    """Raise `generation`, and dispatch the rows that nobody holds. Those that rest are due when their rest ends.

    A row whose message has just been sent is not sent another, because that message will find the new generation.
    """
    ids = list(row_ids)
    if not ids:
        return
    rows = execute(tx.session, _wanted(table, tx.dialect), {"ids": ids}).all()
    for rest_ends_at in {rest_ends_at for *_, rest_ends_at in rows if rest_ends_at is not None}:
        tx.wake(due_topic(rest_ends_at))
    dispatch(tx, table, [row_id for row_id, idle, rest_ends_at in rows if idle and rest_ends_at is None], hint)


@cache
def _wanted(table: type[Due], dialect: str) -> ReturningUpdate[Any]:
    columns: Any = table
    soon = time_after(dialect, timedelta(seconds=dispatch_delays()[0]))
    unsent = or_(columns.dispatches == 0, columns.due_at > soon)
    statement = _update(table, columns.id.in_(_locked(table))).values(generation=columns.generation + 1)
    rest_ends_at: Any = null()
    if issubclass(table, Paced):
        rests = and_(columns.holder.is_(None), columns.dispatches == 0, columns.rests_until > time_after(dialect))
        statement = statement.values(due_at=case((rests, columns.rests_until), else_=columns.due_at))
        rest_ends_at = case((and_(rests, columns.due_at == columns.rests_until), columns.due_at))
    return statement.returning(columns.id, and_(columns.holder.is_(None), unsent), rest_ends_at)


def lock_rows(tx: Transaction, table: type[Due], row_ids: Iterable[str]) -> None:
    """Lock rows in the order of their ids, so that two transactions never wait for each other in a circle."""
    execute(tx.session, _locked(table), {"ids": list(row_ids)})


def _lock_several(tx: Transaction, table: type[Due], row_ids: Sequence[str]) -> None:
    """Lock rows before a statement that writes them. A single one is locked by that statement."""
    if len(row_ids) > 1:
        lock_rows(tx, table, row_ids)


@cache
def _locked(table: type[Due]) -> Select[Any]:
    """Select the ids of rows and lock them in order."""
    columns: Any = table
    statement = select(columns.id).where(columns.id.in_(bindparam("ids"))).order_by(columns.id)
    return statement.with_for_update(key_share=True)


def set_due(tx: Transaction, table: type[Due], row_id: str, due_at: datetime | None) -> None:
    """Store when a row that nobody holds is due next, and wake the timekeeper."""
    execute(tx.session, _set_due(table), {"row_id": row_id, "at": due_at})
    if due_at is not None:
        tx.wake(due_topic(due_at))


def set_due_with(tx: Transaction, row: Due, due_at: datetime | None) -> None:
    """Store when a row is due next with its other changes, and wake the timekeeper.

    The row is locked, and its columns are as they are in the database. Nobody holds it.
    """
    row.due_at, row.dispatches = due_at, 0
    if due_at is not None:
        tx.wake(due_topic(due_at))


@cache
def _set_due(table: type[Due]) -> Update:
    columns: Any = table
    free = _update(table, columns.id == bindparam("row_id"), columns.holder.is_(None))
    return free.values(due_at=bindparam("at", type_=columns.due_at.type), dispatches=0)


def due_by(tx: Transaction, table: type[Due], times: Mapping[str, datetime]) -> None:
    """Make rows that nobody holds due at these times or earlier. A holder sets `due_at` itself when it releases.

    All rows are sent together, because an opening sets a time for each of hundreds of rooms.
    """
    if not times:
        return
    columns: Any = table
    tx.session.flush()
    is_later = or_(columns.due_at.is_(None), columns.due_at > bindparam("at", type_=columns.due_at.type))
    rows = [{"row_id": row_id, "at": times[row_id]} for row_id in sorted(times)]
    tx.session.connection().execute(_set_due(table).where(is_later), rows)
    tx.wake(due_topic(min(times.values())))


def renew_all(tx: Transaction, table: type[Due], claims: Sequence[Claim], lease: timedelta) -> Renewal:
    """Extend the leases of these claims on one table.

    A row that is locked just now waits for the next renewal. Waiting for its lock with other rows locked already could
    end in a deadlock.
    """
    columns: Any = table
    held = tuple_(columns.id, columns.claim).in_([(claim.row_id, claim.fence) for claim in claims])
    mine = select(columns.id).where(held, columns.holder.is_not(None))
    ours = frozenset(tx.session.scalars(mine))
    free = frozenset(tx.session.scalars(mine.with_for_update(skip_locked=True, key_share=True)))
    tx.session.execute(_update(table, columns.id.in_(free)).values(due_at=tx.after(lease)))
    return Renewal(free, ours)


def record(tx: Transaction, claim: Claim, *, progress: bool = True) -> None:
    """Raise LeaseLost unless the claim is still good. Recorded progress resets the count of tries."""
    statement = _recorded(claim.table, tx.dialect, progress)
    if execute(tx.session, statement, {"row_id": claim.row_id, "fence": claim.fence}).rowcount != 1:
        raise LeaseLost(f"{KIND_OF[claim.table].name} {claim.row_id} is somebody else's by now")


@cache
def _recorded(table: type[Due], dialect: str, progress: bool) -> Update:
    columns: Any = table
    untouched = {"tries": columns.tries}
    values: dict[str, Any] = {"tries": 0, "progressed_at": time_after(dialect)} if progress else untouched
    return _update(table, *_is_fenced(table)).values(**values)


def _is_fenced(table: type[Due]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a row is `row_id`, and that nobody has started it since `fence`."""
    columns: Any = table
    return columns.id == bindparam("row_id"), columns.claim == bindparam("fence")


def record_all(tx: Transaction, claims: Sequence[Claim], progress: Collection[str]) -> dict[str, Any]:
    """Return the rows, as they are now, whose claims are still good, and reset the tries of those in `progress`.

    All claims are on one table. The caller must write nothing for a row that is missing in the result.
    """
    table = claims[0].table
    _lock_several(tx, table, [claim.row_id for claim in claims])
    asked = [(claim.row_id, claim.fence) for claim in claims]
    rows = tx.session.scalars(_all_recorded(table, tx.dialect), {"asked": asked, "got_on": list(progress)}).all()
    return {row.id: row for row in rows}


@cache
def _all_recorded(table: type[Due], dialect: str) -> ReturningUpdate[Any]:
    columns: Any = table
    got_on = columns.id.in_(bindparam("got_on"))
    tries = case((got_on, 0), else_=columns.tries)
    progressed_at = case((got_on, time_after(dialect)), else_=columns.progressed_at)
    statement = _update(table, _are_claimed(table)).values(tries=tries, progressed_at=progressed_at)
    return statement.returning(table).execution_options(populate_existing=True)


def release_all(tx: Transaction, claims: Sequence[Claim]) -> None:
    """Release rows that have everything that was wanted. Rows whose generation has moved on are due at once."""
    by_generation: dict[tuple[type[Due], int], list[str]] = defaultdict(list)
    for claim in claims:
        by_generation[claim.table, claim.generation].append(claim.row_id)
    tx.session.flush()
    for (table, generation), row_ids in by_generation.items():
        now_wanted = execute(tx.session, _all_released(table), {"ids": row_ids}).all()
        moved_on = [row_id for row_id, number in now_wanted if number != generation]
        dispatch(tx, table, moved_on)


@cache
def _all_released(table: type[Due]) -> ReturningUpdate[Any]:
    columns: Any = table
    statement = _update(table, columns.id.in_(bindparam("ids"))).values(holder=None, dispatches=0, due_at=None, tries=0)
    return statement.returning(columns.id, columns.generation)


def release(tx: Transaction, claim: Claim, *, due_at: datetime | None, untried: bool = False) -> None:
    """Release the row: due at `due_at`, or at once when its generation has moved on. Does nothing for a lost row.

    `untried` takes back the try of a pass that could not make any call.
    """
    told = {"row_id": claim.row_id, "fence": claim.fence, "at": due_at, "untried": int(untried)}
    generation = execute(tx.session, _released(claim.table), told).scalar()
    if generation is None:
        return
    if generation != claim.generation:
        dispatch(tx, claim.table, [claim.row_id])
    elif due_at is not None:
        tx.wake(due_topic(due_at))


@cache
def _released(table: type[Due]) -> ReturningUpdate[Any]:
    columns: Any = table
    statement = _update(table, *_is_fenced(table)).values(
        holder=None,
        dispatches=0,
        due_at=bindparam("at", type_=columns.due_at.type),
        tries=case((columns.tries > 0, columns.tries - bindparam("untried", type_=Integer())), else_=0),
    )
    return statement.returning(columns.generation)


def _update(table: type[Due], *conditions: ColumnElement[bool]) -> Update:
    return update(table).where(*conditions).execution_options(synchronize_session=False)


def _stale(table: type[Due]) -> Counter:
    return metrics.STALE_MESSAGES.labels(KIND_OF[table].name)
