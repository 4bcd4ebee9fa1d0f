"""The database of one process, and its transactions. Messages go out after a commit and never before."""

import copy
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import ColumnElement, CursorResult, Engine, Executable, bindparam, func, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from orchestrator.runtime.clock import host_time
from orchestrator.store.bulk import WritingSession
from orchestrator.store.engine import GLANCE, READ_ONLY, make_engine
from orchestrator.store.group_commit import GroupCommit
from orchestrator.store.lock_order import require_no_rows
from orchestrator.store.messages import Message
from orchestrator.store.mutex import Mutex, NewMutex
from orchestrator.store.turns import Turns
from orchestrator.store.versions import Expected
from schemas.columns import UtcDateTime
from schemas.tables import Breakout, Meeting

TURN_SECONDS = 10.0
"""How long a transaction waits for the turn of a name before it gives up."""

AfterCommit = Callable[[list[Message], set[str]], None]


class Transaction:
    """One open transaction, and what happens once it has committed."""

    def __init__(self, session: Session, turns: Turns, expected: Expected | None = None) -> None:
        self.session = session
        self.messages: list[Message] = []
        self.topics: set[str] = set()
        self._turns = turns
        self._expected = expected
        self._held: dict[str, Mutex] = {}
        self._counts: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """Ask the database for its time. It is later than every lock so far, because it is a new statement."""
        return database_now(self.session)

    def after(self, delay: timedelta) -> Any:
        """Return the database's time plus `delay` as a part of a statement, which costs no statement of its own."""
        return time_after(self.dialect, delay)

    @property
    def dialect(self) -> str:
        """The name of the database, for statements that are built once for each."""
        return self.session.get_bind().dialect.name

    def take_turn(self, name: str) -> None:
        """Wait for the turn of `name`, and keep it until this transaction ends.

        A turn is taken before any row is locked. A hundred threads that wait for one row's lock in the database would
        wait beyond its `lock_timeout`, each on a connection of its own (measured). Raises TimeoutError after
        TURN_SECONDS, and LockedOutOfOrder for a transaction that has locked or written a row.
        """
        if name not in self._held:
            if self.session.in_transaction():
                require_no_rows(self.session.connection())
            turn = self._turns.of(name)
            if not turn.acquire(timeout=TURN_SECONDS):
                raise TimeoutError(f"no turn at {name} for {TURN_SECONDS} s")
            self._held[name] = turn

    def require_version(self, row: Breakout | Meeting) -> None:
        """Compare a row that was just locked with what the caller expects, before this transaction changes it.

        Raises StaleVersion.
        """
        if self._expected is not None and self._expected.is_about(row):
            self._expected.require(row)
            self._expected = None

    def end_turns(self) -> None:
        """Release all turns of this transaction."""
        for turn in self._held.values():
            turn.release()
        self._held = {}

    def send(self, message: Message) -> None:
        """Send a task after the commit."""
        self.messages.append(message)

    def wake(self, topic: str) -> None:
        """Wake the listeners of `topic` after the commit."""
        self.topics.add(topic)

    def count(self, how: Callable[[], None]) -> None:
        """Raise a metric after the commit."""
        self._counts.append(how)

    def undo(self) -> None:
        """Take back all that was written, sent and counted. What follows is a transaction of its own."""
        self.session.rollback()
        self.messages, self.topics, self._counts = [], set(), []

    def raise_metrics(self) -> None:
        """Raise the metrics of what has been committed."""
        for how in self._counts:
            how()


def statement_time(session: Session) -> Any:
    """Return the database's time as a part of a statement."""
    return time_after(session.get_bind().dialect.name)


def execute(
    session: Session, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> CursorResult[*tuple[Any, ...]]:
    """Execute a statement that is about columns and not about objects, beside the ORM; for many values at once too.

    The ORM would take twice the time to find that it has nothing to do (measured), and three times for an UPDATE.
    """
    if session.autoflush:
        session.flush()
    return session.connection().execute(statement, values)


def time_after(dialect: str, delay: timedelta = timedelta()) -> ColumnElement[Any]:
    """Return the database's time plus `delay` as a part of a statement that is built once and executed many times."""
    if dialect == "sqlite":
        return bindparam(None, callable_=lambda: host_time() + delay, type_=UtcDateTime(), unique=True)
    return func.statement_timestamp() + delay if delay else func.statement_timestamp()


def locked_time(dialect: str) -> ColumnElement[Any]:
    """Return the database's time as a column of a statement that locks rows, once it has them.

    The statement's own time may be from before it waited for them. It must not stand beside FOR UPDATE, but outside of
    the subquery that locks, because PostgreSQL computes the columns of that before it waits.
    """
    return time_after(dialect) if dialect == "sqlite" else func.clock_timestamp()


def insert_into(session: Session, table: type[SQLModel]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that can say what happens to a row that is there already. Both databases spell it alike."""
    return insert_on(session.get_bind().dialect.name, table)


def insert_on(dialect: str, table: type[SQLModel]) -> postgresql.Insert | sqlite.Insert:
    """Return such an INSERT for a statement that is built once and executed many times."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def database_now(session: Session) -> datetime:
    """Return PostgreSQL's statement time; on SQLite, which lives on one host, that host's clock."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return host_time()
    now: datetime = connection.execute(text("SELECT statement_timestamp()")).scalar_one()
    return now


class Database:
    """Opens transactions. `after_commit` takes what each of them sends, and must neither block nor raise."""

    def __init__(self, url: str, after_commit: AfterCommit, pool_size: int) -> None:
        self._set_up(make_engine(url, pool_size), after_commit, threading.Lock)

    @classmethod
    def over(cls, engine: Engine, after_commit: AfterCommit, new_mutex: NewMutex) -> Self:
        """Return a database over an engine that others may share. Whoever waits here waits at a lock of `new_mutex`."""
        database = cls.__new__(cls)
        database._set_up(engine, after_commit, new_mutex)
        return database

    def _set_up(self, engine: Engine, after_commit: AfterCommit, new_mutex: NewMutex) -> None:
        self.engine = engine
        self.groups = GroupCommit(new_mutex)
        self._reading = self.engine.execution_options(**{READ_ONLY: True})
        self._glancing = self._reading.execution_options(**{GLANCE: True})
        self._after_commit = after_commit
        self._turns = Turns(new_mutex)
        self._expected: Expected | None = None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit at the end, roll back on any error, and send messages only after a commit.

        The first statement takes the connection, so that nobody keeps one while waiting for a turn.
        """
        with WritingSession(bind=self.engine, expire_on_commit=False) as session:
            tx = Transaction(session, self._turns, self._expected)
            try:
                yield tx
                session.commit()
                tx.raise_metrics()
            finally:
                try:
                    session.rollback()
                finally:  # a rollback fails on a connection that is gone, and a kept turn would never come back
                    tx.end_turns()
        if tx.messages or tx.topics:
            self._after_commit(tx.messages, tx.topics)

    def expecting(self, expected: Expected) -> "Database":
        """Return this database for one request, whose transactions compare what it changes with what it expects.

        It shares no transaction with other requests.
        """
        database = copy.copy(self)
        database.groups, database._expected = GroupCommit(), expected
        return database

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that only reads, in one snapshot, and locks nobody out."""
        with Session(bind=self._reading, autoflush=False) as session:
            yield session

    @contextmanager
    def glancing(self) -> Iterator[Session]:
        """Open a session for a single statement that only reads, or several that need not see the same.

        There is no transaction around them, which spares two round trips.
        """
        with Session(bind=self._glancing, autoflush=False) as session:
            yield session

    def within(self, tx: Transaction) -> "Database":
        """Return this database for code that takes part in `tx`: each of its transactions is `tx`."""
        return _Within(self, tx)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


class _Within(Database):
    """Begins and commits nothing. An error that leaves one of its blocks must also leave the block of `tx`."""

    def __init__(self, database: Database, tx: Transaction) -> None:
        self.__dict__.update(database.__dict__)
        self._tx = tx

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        yield self._tx

    @contextmanager
    def reading(self) -> Iterator[Session]:
        yield self._tx.session

    @contextmanager
    def glancing(self) -> Iterator[Session]:
        yield self._tx.session
