"""Checks of the database: connection, schema, clock, and rows that nobody works on."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from orchestrator.cli.database_advice import GO_ON, MIGRATE
from orchestrator.cli.doctor.checks import Check, Verdict, failed, ok, warning
from orchestrator.cli.doctor.clocks import compare
from orchestrator.cli.doctor.parts import Parts, is_elsewhere
from orchestrator.database_address import shown
from orchestrator.store import scan
from orchestrator.store.database import database_now
from orchestrator.store.engine import POOLED_KEY
from orchestrator.store.revision import Standing, known, revision_of, standing

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
WARNING_DELAY, FAILURE_DELAY = timedelta(seconds=10), timedelta(seconds=60)


def connection(parts: Parts) -> Verdict:
    """Check that it can be reached; SQLite is right only if everything runs on one machine."""
    kind = parts.database.engine.dialect.name
    statement = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version"}[kind]
    with parts.database.reading() as session:
        connection = session.connection()
        version = connection.execute(text(statement)).scalar_one()
        pooler = " through a pooler" if connection.info.get(POOLED_KEY) else ""
    words = f"{NAMES[kind]} {version}{pooler}, {shown(parts.settings.database)}"
    if kind == "sqlite" and is_elsewhere(parts.settings.broker_url):
        advice = "set DATABASE_URL (postgresql://…) where several machines work"
        return warning(f"{words}, but BROKER_URL is another machine's", advice)
    return ok(words)


def migrations(parts: Parts) -> Verdict:
    """Check that its schema is the one of this version."""
    with parts.database.reading() as session:
        found = revision_of(session.connection())
    match standing(found):
        case Standing.BEHIND:
            return failed(f"at {found or 'none'}, not at the newest, {known()[-1]}", MIGRATE)
        case Standing.AHEAD:
            return warning(f"at {found}, newer than this release, which knows those up to {known()[-1]}", GO_ON)
    return ok("at the newest")


def clock(parts: Parts) -> Verdict:
    """Check its clock: all stored times are the database's, while logs show this machine's."""
    if parts.settings.is_sqlite:
        return ok("the same as this machine's")
    with parts.database.reading() as session:
        session.connection()  # connects first, because that takes time
        before = datetime.now(UTC)
        theirs = database_now(session)
    return compare(theirs, before, datetime.now(UTC))


def overdue(parts: Parts) -> Verdict:
    """Check that due rows are started soon, as they are with a timekeeper and enough workers."""
    with parts.database.reading() as session:
        now = database_now(session)
        waiting = scan.waiting(session, now)
    late = {now - found.since: table.__name__.lower() for table, found in waiting.items()}
    oldest = max(late, default=timedelta())
    if oldest < WARNING_DELAY:
        return ok("none")
    words = f"a {late[oldest]} waits for {oldest.total_seconds():.0f} s"
    verdict = failed if oldest >= FAILURE_DELAY else warning
    return verdict(words, "see that a timekeeper and enough workers run, and that RealtimeKit answers")


CHECKS = (
    Check("database", connection, ("settings",), advice=f"set DATABASE_URL to a database that runs, and {MIGRATE}"),
    Check("migrations", migrations, ("database",), advice=MIGRATE),
    Check("clock of the database", clock, ("database",)),
    Check("overdue rows", overdue, ("migrations",)),
)
