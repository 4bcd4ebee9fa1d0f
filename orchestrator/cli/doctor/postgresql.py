"""Checks that PostgreSQL lets us work: that it can be written, that our role may, and that connections are left."""

from sqlalchemy import text
from sqlmodel import SQLModel

import schemas.tables  # noqa: F401 - registers the tables
from orchestrator.cli.database_advice import FEWER
from orchestrator.cli.doctor.checks import Check, Verdict, failed, ok, warning
from orchestrator.cli.doctor.parts import Parts

FORBIDDEN = text(
    "SELECT name FROM unnest(cast(:names AS text[])) AS name WHERE NOT (has_table_privilege(name, 'SELECT')"
    " AND has_table_privilege(name, 'INSERT') AND has_table_privilege(name, 'UPDATE')"
    " AND has_table_privilege(name, 'DELETE')) ORDER BY name"
)
LEFT = text(
    "SELECT least("
    " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*),"
    " (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)"
    "  - count(*) FILTER (WHERE usename = current_user),"
    " (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())"
    "  - count(*) FILTER (WHERE datname = current_database())"
    ") FROM pg_stat_activity WHERE backend_type = 'client backend'"
)


def writing(parts: Parts) -> Verdict:
    """Check that what is stored can be changed, by the server's state and by the rights of our role."""
    if parts.settings.is_sqlite:
        return ok("by whoever may write the file")
    with parts.database.transaction() as tx:
        connection = tx.session.connection()
        reads_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on"
        standby = connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()
        forbidden = connection.scalars(FORBIDDEN, {"names": list(SQLModel.metadata.tables)}).all()
    if standby:
        return failed("it is a standby, which only reads", "name the primary in DATABASE_URL")
    if reads_only:
        return failed("default_transaction_read_only is on", "ask who has set it, or name another server")
    if forbidden:
        return failed(f"the role may not write {', '.join(forbidden)}", "grant it SELECT, INSERT, UPDATE and DELETE")
    return ok("all tables")


def connections(parts: Parts) -> Verdict:
    """Check that as many connections are left as one more process may take."""
    if parts.settings.is_sqlite:
        return ok("any number")
    with parts.database.reading() as session:
        left = int(session.execute(LEFT).scalar_one())
    words = f"{left} are left for our role"
    return ok(words) if left > parts.settings.database_connections else warning(words, FEWER)


CHECKS = (
    Check("writing to the database", writing, ("migrations",)),
    Check("connections of the database", connections, ("database",)),
)
