"""The database: one engine per process, and `transaction()`, at whose commit messages go out and never before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, text
from sqlmodel import Session

from orchestrator.store.messages import Message
from schemas.tables import Breakout, Event

POSTGRESQL_LIMITS = (
    "-c idle_in_transaction_session_timeout=15000 -c lock_timeout=3000 -c statement_timeout=10000 -c timezone=UTC"
)
"""A process frozen inside a transaction must not hold the others up for longer (milliseconds)."""

AfterCommit = Callable[[list[Message], set[str]], None]


def make_engine(url: str, pool_size: int) -> Engine:
    """An engine whose transactions serialise as the protocol of a row expects, on either database."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": 15, "check_same_thread": False}, pool_size=pool_size)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"options": POSTGRESQL_LIMITS, "connect_timeout": 5},
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver begins its own, late and silently losing updates (measured)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


class Transaction:
    """One open transaction, and what is to happen once it has committed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.messages: list[Message] = []
        self.topics: set[str] = set()
        self._events: list[dict[str, Any]] = []

    def now(self) -> datetime:
        """The database's time, by a new statement: later than any lock waited for so far."""
        return database_now(self.session)

    def send(self, message: Message) -> None:
        """Send a task after the commit."""
        self.messages.append(message)

    def wake(self, topic: str) -> None:
        """Wake whoever listens to `topic` after the commit."""
        self.topics.add(topic)

    def emit(self, breakout: Breakout, kind: str, at: datetime, **data: Any) -> None:
        """Append to the breakout's log; `breakout` must have been locked by this transaction."""
        breakout.events += 1
        self._events.append(
            {"breakout_id": breakout.id, "number": breakout.events, "type": kind, "at": at, "data": data}
        )
        self.wake(f"breakout:{breakout.id}")

    def write_events(self) -> None:
        """Write what was emitted, in one statement."""
        if self._events:
            self.session.execute(insert(Event), self._events)
            self._events = []


def database_now(session: Session) -> datetime:
    """PostgreSQL's statement time; on SQLite, which lives on one host, that host's clock."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(text("SELECT statement_timestamp()")).scalar_one()
    return now


class Database:
    """Hands out transactions; what they send leaves through `after_commit`, which must not block or raise."""

    def __init__(self, url: str, after_commit: AfterCommit, pool_size: int = 10) -> None:
        self.engine = make_engine(url, pool_size)
        self._after_commit = after_commit

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit at the end, roll back on any error; messages are sent only after a commit."""
        with self.engine.connect() as connection:
            _begin(connection, "BEGIN IMMEDIATE")
            with Session(bind=connection, expire_on_commit=False, autoflush=True) as session:
                tx = Transaction(session)
                yield tx
                session.flush()
                tx.write_events()
                session.commit()
            connection.commit()
        if tx.messages or tx.topics:
            self._after_commit(tx.messages, tx.topics)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads and locks nobody out."""
        with self.engine.connect() as connection:
            _begin(connection, "BEGIN")
            with Session(bind=connection, autoflush=False) as session:
                yield session

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _begin(connection: Connection, sqlite_statement: str) -> None:
    """Begin; SQLite takes the write lock at once, for an upgrade in the middle could not wait for it."""
    connection.begin()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(sqlite_statement)
