"""The database: one engine per process, and `transaction()`, at whose commit messages go out and never before."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    create_engine,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session, col

from orchestrator import metrics
from orchestrator.store.messages import Message
from schemas.tables import Breakout, Event, Participant

POSTGRESQL_LIMITS = (
    "-c idle_in_transaction_session_timeout=5000 -c lock_timeout=3000 -c statement_timeout=10000 -c timezone=UTC"
)
"""A process frozen inside a transaction must not hold the others up for longer (milliseconds), nor beyond its leases: a
transaction calls nobody, so that it is never idle for more than its own computing.
"""

TURN_SECONDS = 10.0
REST_SECONDS = 1.0
"""A connection that was used more lately than this is taken to live."""
USED_AT = "used_at"
"""In a connection's notes: when it was last given back, by the monotonic clock."""

DATABASE_TROUBLE = (OperationalError, InterfaceError, PoolTimeoutError, TimeoutError)
"""Errors that are no fault of what was being done: the database is away, or everybody wants the same."""

T = TypeVar("T")
R = TypeVar("R")

READS = "only_reads"

AfterCommit = Callable[[list[Message], set[str]], None]


def make_engine(url: str, pool_size: int) -> Engine:
    """An engine whose transactions serialise as the protocol of a row expects, on either database.

    Threads beyond `pool_size` wait for a connection: it is the interpreter that they would wait for anyway, and
    PostgreSQL has not more than a hundred by default.
    """
    if url.startswith("sqlite"):
        options = {"timeout": 15, "check_same_thread": False}
        engine = create_engine(url, connect_args=options, pool_size=pool_size, max_overflow=0, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"options": POSTGRESQL_LIMITS, "connect_timeout": 5},
        hide_parameters=True,
    )
    event.listen(engine, "handle_error", _tell_no_values)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_ping_after_rest, engine))
    return engine


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[USED_AT] = time.monotonic()


def _ping_after_rest(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """See that a connection still lives, unless it did a moment ago: each transaction would take a round trip more."""
    if time.monotonic() - record.info.get(USED_AT, time.monotonic()) < REST_SECONDS:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _tell_no_values(context: ExceptionContext) -> None:
    """Errors end in logs and in Flower, and PostgreSQL's details repeat the row: names of people, tokens."""
    diagnosis = getattr(context.original_exception, "diag", None)
    if diagnosis is not None and diagnosis.message_detail:
        for error in filter(None, (context.original_exception, context.sqlalchemy_exception)):
            error.args = (diagnosis.message_primary,)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver begins its own, late and silently losing updates (measured)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a transaction that reads first could not wait for it later."""
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(READS) else "BEGIN IMMEDIATE")


class Turns:
    """Locks of this process by name, for as long as anybody uses them."""

    def __init__(self) -> None:
        self._by_name: weakref.WeakValueDictionary[str, threading.Lock] = weakref.WeakValueDictionary()
        self._guard = threading.Lock()

    def of(self, name: str) -> threading.Lock:
        """The one lock of that name."""
        with self._guard:
            lock = self._by_name.get(name)
            if lock is None:
                lock = self._by_name[name] = threading.Lock()
            return lock


class Transaction:
    """One open transaction, and what is to happen once it has committed."""

    def __init__(self, session: Session, turns: Turns) -> None:
        self.session = session
        self._turns = turns
        self._held: dict[str, threading.Lock] = {}
        self.messages: list[Message] = []
        self.topics: set[str] = set()
        self.names: dict[str, str] = {}
        """The callers' own ids of people, as far as this transaction has come across them."""
        self.raised: dict[str, set[str] | None] = {}
        """Whose seats' versions the commit raises, by meeting; None: everybody's."""
        self._events: list[dict[str, Any]] = []
        self._counts: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """The database's time, by a new statement: later than any lock waited for so far."""
        return database_now(self.session)

    def after(self, delay: timedelta) -> Any:
        """The database's time and `delay` later, to be stored: part of the statement, so that it costs none itself."""
        return statement_time(self.session) + delay

    def take_turn(self, name: str) -> None:
        """Let one transaction of this process at a time go on with `name`, until its end; before any lock of a row.

        A hundred threads that wait for one row's lock in the database would wait beyond its `lock_timeout`, each on a
        connection of its own (measured). Raises TimeoutError after TURN_SECONDS.
        """
        if name not in self._held:
            turn = self._turns.of(name)
            if not turn.acquire(timeout=TURN_SECONDS):
                raise TimeoutError(f"no turn at {name} for {TURN_SECONDS} s")
            self._held[name] = turn

    def end_turns(self) -> None:
        """Let others go on."""
        for turn in self._held.values():
            turn.release()
        self._held = {}

    def send(self, message: Message) -> None:
        """Send a task after the commit."""
        self.messages.append(message)

    def wake(self, topic: str) -> None:
        """Wake whoever listens to `topic` after the commit."""
        self.topics.add(topic)

    def count(self, how: Callable[[], None]) -> None:
        """Raise a metric after the commit."""
        self._counts.append(how)

    def emit(self, breakout: Breakout, kind: str, at: datetime, **data: Any) -> None:
        """Append to the breakout's log; `breakout` must have been locked by this transaction."""
        breakout.events += 1
        self._events.append(
            {"breakout_id": breakout.id, "number": breakout.events, "type": kind, "at": at, "data": data}
        )
        self.wake(f"breakout:{breakout.id}")
        self.count(partial(metrics.count_event, kind, data))

    def write_rest(self) -> None:
        """Write the events, in one statement, and the versions: people are locked last of all, in one go and in order.

        Locked in two goes, the second might wait for somebody who waits for the first (seen on PostgreSQL).
        """
        self.session.flush()
        if self._events:
            self.session.execute(insert(Event), self._events)
            self._events = []
        for meeting_id, participant_ids in self.raised.items():
            self._raise_versions(meeting_id, participant_ids)
        self.raised.clear()

    def _raise_versions(self, meeting_id: str, participant_ids: set[str] | None) -> None:
        whose = col(Participant.meeting_id) == meeting_id
        if participant_ids is not None:
            whose = col(Participant.id).in_(participant_ids)
        in_order = select(col(Participant.id)).where(whose).order_by(col(Participant.id))
        statement = update(Participant).where(col(Participant.id).in_(in_order.with_for_update(key_share=True)))
        self.session.execute(
            statement.values(version=Participant.version + 1), execution_options={"synchronize_session": False}
        )

    def raise_metrics(self) -> None:
        """Count what has been committed."""
        for how in self._counts:
            how()


def statement_time(session: Session) -> Any:
    """The database's time, as part of a statement."""
    return datetime.now(UTC) if session.get_bind().dialect.name == "sqlite" else func.statement_timestamp()


def database_now(session: Session) -> datetime:
    """PostgreSQL's statement time; on SQLite, which lives on one host, that host's clock."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(text("SELECT statement_timestamp()")).scalar_one()
    return now


def _answer(futures: list[Future[R]], work: Callable[[list[T]], list[R]], items: list[T]) -> None:
    """Work on all at once; should that fail, on each alone, so that one bad item spoils no other."""
    try:
        for future, answer in zip(futures, work(items), strict=True):
            future.set_result(answer)
    except Exception as error:
        if len(items) == 1:
            futures[0].set_exception(error)
            return
        for future, item in zip(futures, items, strict=True):
            _answer([future], work, [item])


class Database:
    """Hands out transactions; what they send leaves through `after_commit`, which must not block or raise."""

    def __init__(self, url: str, after_commit: AfterCommit, pool_size: int) -> None:
        self.engine = make_engine(url, pool_size)
        self._reading = self.engine.execution_options(**{READS: True})
        self._glancing = self._reading
        if self.engine.dialect.name != "sqlite":  # whose connections would forget what _prepare_sqlite set
            self._glancing = self._reading.execution_options(isolation_level="AUTOCOMMIT")
        self._after_commit = after_commit
        self._turns = Turns()
        self._together: dict[str, list[tuple[Any, Future[Any]]]] = {}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit at the end, roll back on any error; messages are sent only after a commit.

        Its connection is taken with its first statement, so that nobody keeps one while waiting for a turn.
        """
        with Session(bind=self.engine, expire_on_commit=False) as session:
            tx = Transaction(session, self._turns)
            try:
                yield tx
                tx.write_rest()
                session.commit()
                tx.raise_metrics()
            finally:
                session.rollback()
                tx.end_turns()
        if tx.messages or tx.topics:
            self._after_commit(tx.messages, tx.topics)

    def together(self, name: str, item: T, work: Callable[[list[T]], list[R]]) -> R:
        """Group commit: have `work` done on this item and on all that other threads have handed in meanwhile.

        Whoever gets the turn works for all who wait for it; `work` answers in the order of its items. Raises what
        `work` raises on the item alone.
        """
        handed_in: Future[R] = Future()
        waiting: list[tuple[Any, Future[Any]]] = self._together.setdefault(name, [])
        waiting.append((item, handed_in))
        with self._turns.of(name):
            if not handed_in.done():
                batch = waiting[:]
                del waiting[: len(batch)]
                _answer([future for _, future in batch], work, [it for it, _ in batch])
        return handed_in.result()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads and locks nobody out."""
        with Session(bind=self._reading, autoflush=False) as session:
            yield session

    @contextmanager
    def glancing(self) -> Iterator[Session]:
        """For a single statement that only reads: no transaction is begun or ended around it."""
        with Session(bind=self._glancing, autoflush=False) as session:
            yield session

    def within(self, tx: Transaction) -> "Database":
        """The same database for whoever shall take part in `tx`: each of its transactions is that one."""
        return _Within(self, tx)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


class _Within(Database):
    """Begins nothing and commits nothing; an error that leaves one of its transactions must reach the end of `tx`."""

    def __init__(self, database: Database, tx: Transaction) -> None:
        self.__dict__.update(database.__dict__)
        self._tx = tx

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        yield self._tx

    @contextmanager
    def reading(self) -> Iterator[Session]:
        yield self._tx.session
