"""Engines whose transactions serialise as the protocol of a row expects, on SQLite and on PostgreSQL."""

import re
from functools import partial
from typing import Any

from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.database_address import connect_options, is_sqlite
from orchestrator.store.lock_order import enforce_lock_order
from orchestrator.store.patience import PatientConnection
from orchestrator.store.resting_pool import RestingPool
from orchestrator.store.trouble import translate

STATEMENT_TIMEOUT = "statement_timeout"
LIMITS = {
    "idle_in_transaction_session_timeout": "5000",
    "lock_timeout": "3000",
    STATEMENT_TIMEOUT: "10000",
    "timezone": "'UTC'",
}
"""Limits of a session, in milliseconds. They end the transaction of a frozen process before its leases end.

A transaction calls nobody outside, so it is never idle for longer than its own computing takes.
"""
SAID = re.compile(r"(?:-c\s*|--)([a-z_.]+)=", re.IGNORECASE)
"""Finds the settings that `options` of an address sets."""

PING_AFTER_SECONDS = 1.0
"""A connection that was given back within this time is used without a ping."""
WAIT_FOR_CONNECTION_SECONDS = 10.0
"""How long a thread waits for one of the process's connections."""
POOLED_KEY = "pooled"
"""The key in `Connection.info` of whether a pooler stands between us and the server."""
LIMITS_KEY = "limits"
"""The key in `Connection.info` of the limits that the address leaves to us."""
READ_ONLY = "only_reads"
"""The execution option of a transaction that only reads."""
GLANCE = "glances"
"""The execution option of a single statement that only reads and needs no transaction."""
APPLICATION_NAME = "breakouts"


def make_engine(address: str, pool_size: int) -> Engine:
    """Make an engine with at most `pool_size` connections, for a checked address.

    Further threads wait for a connection. They would wait for the interpreter anyway, and PostgreSQL accepts only a
    hundred connections by default.
    """
    pool: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": WAIT_FOR_CONNECTION_SECONDS}
    if is_sqlite(address):
        options: dict[str, Any] = {"timeout": 15, "check_same_thread": False}
        engine = create_engine(address, connect_args=options, hide_parameters=True, **pool)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        conninfo = make_conninfo(address, **connect_options(address, APPLICATION_NAME))
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: PatientConnection.connect(conninfo),
            hide_parameters=True,
            poolclass=RestingPool,
            pool_use_lifo=True,
            **pool,
        )
        event.listen(engine, "handle_error", _drop_values)
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "begin", _begin_postgresql)
        event.listen(engine, "checkout", partial(_ping_after_rest, engine))
    event.listen(engine, "handle_error", translate)
    enforce_lock_order(engine)
    return engine


def _ping_after_rest(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Ping a connection that has rested. A ping for each transaction would cost a round trip more."""
    if RestingPool.rest_of(record) < PING_AFTER_SECONDS:
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


def _prepare_postgresql(connection: PatientConnection, record: ConnectionPoolEntry) -> None:
    """Set the limits for the session, unless a pooler gives each transaction another session.

    A pooler shows by the number of the server's process: it tells its clients another one than the server does. Behind
    one, limits are set in each transaction, and no statement is prepared, because both would stay with the session.
    """
    connection.autocommit = True  # because _begin_postgresql begins, with the limits in the same round trip
    said = {name.lower() for name in SAID.findall(connection.info.get_parameters().get("options", ""))}
    limits = {name: value for name, value in LIMITS.items() if name not in said}
    if STATEMENT_TIMEOUT in said:
        connection.answers_within = None  # the operator's own limit, which may be longer than ours
    (process,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    record.info[POOLED_KEY] = process != connection.info.backend_pid
    record.info[LIMITS_KEY] = "".join(f"; SET LOCAL {name} = {value}" for name, value in limits.items())
    if record.info[POOLED_KEY]:
        connection.prepare_threshold = None
    else:
        connection.execute("; ".join(f"SET SESSION {name} = {value}" for name, value in limits.items()).encode())


def _begin_postgresql(connection: Connection) -> None:
    """Begin the transaction in one round trip. One that only reads sees one snapshot in all its statements."""
    options, pooled = connection.get_execution_options(), connection.info[POOLED_KEY]
    if options.get(GLANCE) and not pooled:
        return
    mode = " ISOLATION LEVEL REPEATABLE READ READ ONLY" if options.get(READ_ONLY) else ""
    connection.exec_driver_sql(f"BEGIN{mode}{connection.info[LIMITS_KEY] if pooled else ''}")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver begins late, and silently loses updates (measured)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once, because a transaction that reads first could not wait for it later."""
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(READ_ONLY) else "BEGIN IMMEDIATE")
