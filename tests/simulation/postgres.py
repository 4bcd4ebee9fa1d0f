"""PostgreSQL whose time is the virtual clock, in place of SQLite in memory.

A transaction runs to its end at once here, because a statement that waits for another transaction's lock would hold up
the only thread. What happens between transactions and calls is as in memory.
"""

from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, event
from sqlmodel import SQLModel

from orchestrator.runtime.clock import host_time
from orchestrator.settings import Settings
from orchestrator.store.engine import READ_ONLY, make_engine
from tests.simulation.store import KEPT, Reach

CONNECTIONS = 4
OUR_TIME = """
CREATE SCHEMA simulation;
CREATE FUNCTION simulation.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
AS $$ SELECT current_setting('simulation.now')::timestamptz $$;
CREATE FUNCTION simulation.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
AS $$ SELECT statement_timestamp() $$;
"""
"""Hides the server's own functions, because `simulation` comes first in the search path."""


class Postgres:
    """The database of many runs, at this address. It must be migrated and otherwise empty."""

    def __init__(self, url: str) -> None:
        self._raw = psycopg.connect(url, autocommit=True)
        self._raw.execute(OUR_TIME)
        path = sql.SQL("ALTER DATABASE {} SET search_path = simulation, public, pg_catalog")
        self._raw.execute(path.format(sql.Identifier(self._raw.info.dbname)))
        self.engine = make_engine(Settings(database_url=url, _env_file=None).database, CONNECTIONS)
        self.reach: Reach = lambda _: None
        self.locked = False
        event.listen(self.engine, "begin", self._begin)
        event.listen(self.engine, "commit", self._end)
        event.listen(self.engine, "rollback", self._end)
        self._tables = [table.name for table in SQLModel.metadata.sorted_tables if table.name not in KEPT]
        self._rows = {name: self._raw.execute(f"SELECT * FROM {name}".encode()).fetchall() for name in self._tables}

    def reset(self) -> None:
        """Forget a transaction that an error has left open."""
        self.engine.dispose()
        self.locked = False

    def ask(self, statement: str, *values: Any) -> Any:
        """Return the first row that a statement finds, from outside of every transaction."""
        return self._raw.execute(statement.replace("?", "%s").encode(), values).fetchone()

    def clear(self) -> None:
        """Return to what the migration has left."""
        self._raw.execute(f"TRUNCATE {', '.join(self._tables)} CASCADE".encode())
        for name, rows in self._rows.items():
            for row in rows:
                self._raw.execute(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(row))})".encode(), row)

    def _begin(self, connection: Connection) -> None:
        self.locked = not connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql(f"SET simulation.now = '{host_time().isoformat()}'")

    def _end(self, _: Connection) -> None:
        self.locked = False
