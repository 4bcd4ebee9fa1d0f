"""The database: there, at the newest schema, of one clock with us, and without rows that nobody looks at."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from orchestrator.cli.doctor.checks import Check, Verdict, failed, ok, warning
from orchestrator.cli.doctor.clocks import compared
from orchestrator.cli.doctor.parts import Parts, is_elsewhere, shown
from orchestrator.store import scan
from orchestrator.store.database import database_now
from orchestrator.store.migrate import is_current

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
MIGRATE = "run `breakouts migrate`"
LATE, FAR_TOO_LATE = timedelta(seconds=10), timedelta(seconds=60)


def answers(parts: Parts) -> Verdict:
    """It can be reached; SQLite only where everything runs on one machine."""
    kind = parts.database.engine.dialect.name
    statement = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version"}[kind]
    with parts.database.reading() as session:
        version = session.connection().execute(text(statement)).scalar_one()
    words = f"{NAMES[kind]} {version}, {shown(parts.settings.database)}"
    if kind == "sqlite" and is_elsewhere(parts.settings.broker_url):
        advice = "set DATABASE_URL (postgresql://…) where several machines work"
        return warning(f"{words}, but BROKER_URL is another machine's", advice)
    return ok(words)


def migrations(parts: Parts) -> Verdict:
    """Its tables are those that this version works with."""
    return ok("at the newest") if is_current(parts.database.engine) else failed("not at the newest", MIGRATE)


def clock(parts: Parts) -> Verdict:
    """All times are the database's; this machine's is what logs and people see."""
    if parts.settings.is_sqlite:
        return ok("the same as this machine's")
    with parts.database.reading() as session:
        session.connection()  # connecting takes its time
        before = datetime.now(UTC)
        theirs = database_now(session)
    return compared(theirs, before, datetime.now(UTC))


def overdue(parts: Parts) -> Verdict:
    """Every row that is due is sent at once and soon started, where a timekeeper ticks and workers are enough."""
    with parts.database.reading() as session:
        now = database_now(session)
        waiting = scan.waiting(session, now)
    late = {now - found.since: table.__name__.lower() for table, found in waiting.items()}
    oldest = max(late, default=timedelta())
    if oldest < LATE:
        return ok("none")
    words = f"a {late[oldest]} waits for {oldest.total_seconds():.0f} s"
    verdict = failed if oldest >= FAR_TOO_LATE else warning
    return verdict(words, "see that a timekeeper and enough workers run, and that RealtimeKit answers")


CHECKS = (
    Check("database", answers, ("settings",), advice=f"set DATABASE_URL to a database that runs, and {MIGRATE}"),
    Check("migrations", migrations, ("database",), advice=MIGRATE),
    Check("clock of the database", clock, ("database",)),
    Check("overdue rows", overdue, ("migrations",)),
)
