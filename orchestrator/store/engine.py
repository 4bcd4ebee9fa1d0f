"""Engines whose transactions serialise as the protocol of a row expects, on SQLite and on PostgreSQL."""

import time
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.store.lock_order import enforce_lock_order

POSTGRESQL_LIMITS = (
    "-c idle_in_transaction_session_timeout=5000 -c lock_timeout=3000 -c statement_timeout=10000 -c timezone=UTC"
)
"""Limits of a session, in milliseconds. They end the transaction of a frozen process before its leases end.

A transaction calls nobody outside, so it is never idle for longer than its own computing takes.
"""

PING_AFTER_SECONDS = 1.0
"""A connection that was given back within this time is used without a ping."""
USED_AT_KEY = "used_at"
"""The key in `ConnectionPoolEntry.info` of the monotonic time at which the connection was last given back."""
READ_ONLY = "only_reads"
"""The execution option of a transaction that only reads."""

DATABASE_TROUBLE = (OperationalError, InterfaceError, PoolTimeoutError, TimeoutError)
"""Errors that the work itself did not cause: the database is away, or too many transactions want the same row."""


def make_engine(url: str, pool_size: int) -> Engine:
    """Make an engine with at most `pool_size` connections.

    Further threads wait for a connection. They would wait for the interpreter anyway, and PostgreSQL accepts only a
    hundred connections by default.
    """
    if url.startswith("sqlite"):
        options: dict[str, Any] = {"timeout": 15, "check_same_thread": False}
        engine = create_engine(url, connect_args=options, pool_size=pool_size, max_overflow=0, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        options = {"options": POSTGRESQL_LIMITS, "connect_timeout": 5}
        engine = create_engine(url, pool_size=pool_size, max_overflow=0, connect_args=options, hide_parameters=True)
        event.listen(engine, "handle_error", _drop_values)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", partial(_ping_after_rest, engine))
    enforce_lock_order(engine)
    return engine


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[USED_AT_KEY] = time.monotonic()


def _ping_after_rest(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Ping a connection that has rested. A ping for each transaction would cost a round trip more."""
    if time.monotonic() - record.info.get(USED_AT_KEY, time.monotonic()) < PING_AFTER_SECONDS:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _drop_values(context: ExceptionContext) -> None:
    """Keep PostgreSQL's details out of errors, because they repeat the row: names of people, tokens."""
    diagnosis = getattr(context.original_exception, "diag", None)
    if diagnosis is not None and diagnosis.message_detail:
        for error in filter(None, (context.original_exception, context.sqlalchemy_exception)):
            error.args = (diagnosis.message_primary,)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver begins late, and silently loses updates (measured)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once, because a transaction that reads first could not wait for it later."""
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(READ_ONLY) else "BEGIN IMMEDIATE")
