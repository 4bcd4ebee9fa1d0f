"""Errors of a database that the work itself did not cause: the same work will do later, or on another connection."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


@dataclass(frozen=True)
class Reason:
    """Why a database did not do its work."""

    words: str
    reconnect: bool = False
    """Whether all connections of the process are closed, because a new one may lead to a server that does it."""


REASONS = {
    "08": Reason("the connection to the server broke, or a pooler has none for us", reconnect=True),
    "0A000": Reason("a prepared statement is older than its table", reconnect=True),
    "25006": Reason("it only reads: a standby, a demoted primary, or one with a full disk", reconnect=True),
    "25P03": Reason("the transaction was idle for too long, because this process stood still", reconnect=True),
    "25P04": Reason("the transaction took too long", reconnect=True),
    "40001": Reason("another transaction came first"),
    "40003": Reason("whether the statement was completed is unknown", reconnect=True),
    "40P01": Reason("two transactions waited for each other"),
    "53": Reason("it is short of something", reconnect=True),
    "53100": Reason("its disk is full"),
    "53200": Reason("it is out of memory", reconnect=True),
    "53300": Reason("it has no connection left", reconnect=True),
    "55P03": Reason("a row was locked for too long"),
    "57014": Reason("a statement took too long"),
    "57P": Reason("it was stopped, is starting, or ended our connection", reconnect=True),
    "58": Reason("its machine can't read or write its files", reconnect=True),
    "SQLITE_BUSY": Reason("another process writes for too long"),
    "SQLITE_CANTOPEN": Reason("its file can't be opened", reconnect=True),
    "SQLITE_FULL": Reason("its disk is full"),
    "SQLITE_IOERR": Reason("its disk can't be read or written, or is full", reconnect=True),
    "SQLITE_LOCKED": Reason("another connection writes for too long"),
    "SQLITE_NOMEM": Reason("this process is out of memory"),
    "SQLITE_PROTOCOL": Reason("another process locks its file for too long"),
    "SQLITE_READONLY": Reason("its file or disk may only be read", reconnect=True),
}
"""Reasons by what a SQLSTATE (PostgreSQL) or a name of an error (SQLite) begins with; the longest counts.

Whatever is not here is a fault of ours or of the schema, and repeating the work would not mend it.
"""
UNREACHABLE = Reason("it can't be reached, or refuses us")
"""The reason of an error without SQLSTATE: libpq could not connect, or noticed that the connection is gone."""


class DatabaseUnavailable(OperationalError):
    """The database can't do this now. `orig` is what the driver said, `reason` why it is no fault of the work."""

    reason: Reason


DATABASE_TROUBLE = (DatabaseUnavailable, PoolTimeoutError, TimeoutError)
"""Errors that the work itself did not cause: the database is away, or too many transactions want the same row."""


def reason_of(error: BaseException | None) -> Reason | None:
    """Return why the work of a driver's error may be tried again, or None if it may not."""
    match error:
        case psycopg.Error(sqlstate=str(code)) if _is_stale_plan(error) or not code.startswith("0A"):
            return _longest(code)
        case psycopg.OperationalError(sqlstate=None) | psycopg.InterfaceError(sqlstate=None):
            return UNREACHABLE
        case sqlite3.Error():
            return _longest(getattr(error, "sqlite_errorname", ""))
    return None


def translate(context: ExceptionContext) -> DatabaseUnavailable | None:
    """Return the error to raise instead of a driver's if its work may be tried again.

    Closes the process's connections if another one may do better. A listener of `handle_error`.
    """
    reason = reason_of(context.original_exception)
    if reason is None:
        return None
    context.is_disconnect = context.is_disconnect or reason.reconnect
    cause: Any = context.original_exception
    error = DatabaseUnavailable(context.statement, None, cause, hide_parameters=True)
    error.connection_invalidated = context.is_disconnect
    error.reason = reason
    return error


def _is_stale_plan(error: psycopg.Error) -> bool:
    return error.sqlstate == "0A000" and "cached plan" in str(error)


def _longest(code: str) -> Reason | None:
    found = [begin for begin in REASONS if code.startswith(begin)]
    return REASONS[max(found, key=len)] if found else None
