"""SQLite in memory, whose transactions behave to each other as PostgreSQL's do in READ COMMITTED.

All greenlets share one connection, and only one of them runs at a time. A transaction that has only read so far holds
nothing: others may commit between two of its statements, and it sees that. Its first statement that locks or writes
takes the write lock of the whole database; from then on it runs to its end alone. So what happens is always something
that PostgreSQL allows too, and a lock that was forgotten, or state that was read before the lock, shows.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.pool import QueuePool
from sqlmodel import Session, SQLModel

from orchestrator.store.database import Database, Transaction
from orchestrator.store.engine import READ_ONLY
from orchestrator.store.lock_order import enforce_lock_order, locking
from orchestrator.store.migrate import migrate
from orchestrator.store.trouble import translate

MOST_CONNECTIONS = 200
KEPT = frozenset({"deployment", "alembic_version"})
"""Tables that stay as the migration has left them."""

Reach = Callable[[str], None]
"""Called before a transaction begins, reads without a lock, locks first, and commits: the process may die there.

It may also wait, but not before a commit.
"""


class Shared(sqlite3.Connection):
    """The one connection, which nobody closes for the others."""

    def close(self) -> None:
        """Leave it open."""


class Memory:
    """The database of many runs, one after the other."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", factory=Shared, cached_statements=5000, check_same_thread=False)
        self.raw.isolation_level = None
        self.raw.execute("PRAGMA foreign_keys=ON")
        self.engine = create_engine(
            "sqlite://",
            creator=lambda: self.raw,
            poolclass=QueuePool,
            pool_size=MOST_CONNECTIONS,
            query_cache_size=5000,
        )
        self.reach: Reach = lambda _: None
        migrate(self.engine)
        self._tables = [table.name for table in reversed(SQLModel.metadata.sorted_tables) if table.name not in KEPT]
        self._rows = {name: self.raw.execute(f"SELECT * FROM {name}").fetchall() for name in self._tables}
        event.listen(self.engine, "before_execute", self._before_execute)
        event.listen(self.engine, "savepoint", lambda connection, _: self._lock(connection))
        event.listen(self.engine, "handle_error", translate)
        enforce_lock_order(self.engine)

    def ask(self, statement: str, *values: Any) -> Any:
        """Return the first row that a statement finds, from outside of every transaction."""
        return self.raw.execute(statement, values).fetchone()

    def reset(self) -> None:
        """Forget a transaction that an error has left open."""
        self.raw.rollback()

    @property
    def locked(self) -> bool:
        """Whether a transaction has locked or written something and has not ended."""
        return self.raw.in_transaction

    def clear(self) -> None:
        """Return to what the migration has left."""
        for name in self._tables:
            self.raw.execute(f"DELETE FROM {name}")
            for row in self._rows[name]:
                self.raw.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)

    def _before_execute(self, connection: Connection, statement: Any, *_: Any) -> None:
        if connection.get_execution_options().get(READ_ONLY) or self.raw.in_transaction:
            return
        if isinstance(statement, Select) and not locking(statement):
            self.reach("read")
        elif getattr(statement, "is_dml", False) or isinstance(statement, Select):
            self._lock(connection)

    def _lock(self, _: Connection) -> None:
        if not self.raw.in_transaction:
            self.reach("lock")
            self.raw.execute("BEGIN IMMEDIATE")


class Kept(Protocol):
    """What keeps the data of many runs, one after the other."""

    engine: Engine
    reach: Reach

    @property
    def locked(self) -> bool:
        """Whether a transaction has locked or written something and has not ended."""

    def ask(self, statement: str, *values: Any) -> Any:
        """Return the first row that a statement finds, from outside of every transaction."""

    def clear(self) -> None:
        """Return to what the migration has left."""

    def reset(self) -> None:
        """Forget a transaction that an error has left open."""


class SimulatedDatabase(Database):
    """The database of one simulated process, which may wait or die before, in and after each transaction."""

    reach: Reach
    kept: Kept
    on_commit: Callable[[], None]

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Pass the points of a transaction."""
        self.reach("begin")
        writes = False
        with super().transaction() as tx:
            yield tx
            tx.session.flush()
            if writes := self.kept.locked:
                self.reach("commit")
        if writes:
            self.on_commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Pass a point before the snapshot is taken."""
        self.reach("begin")
        with super().reading() as session:
            yield session

    @contextmanager
    def glancing(self) -> Iterator[Session]:
        """Pass a point before the statement."""
        self.reach("begin")
        with super().glancing() as session:
            yield session
