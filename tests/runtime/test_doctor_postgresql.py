"""What the doctor says about a PostgreSQL that does not let us work, and whether its advice fits the cause."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from orchestrator.cli.doctor import database, postgresql
from orchestrator.cli.doctor.checks import Status, Verdict, run
from orchestrator.cli.doctor.parts import Parts
from tests.support.pgbouncer import needs_pgbouncer, pgbouncer
from tests.support.postgres import Postgres

Diagnose = Callable[..., Verdict]
DATABASE, WRITING, CONNECTIONS = "database", "writing to the database", "connections of the database"


@pytest.fixture
def diagnose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Diagnose:
    """Return a function that runs the checks of the database, and returns the verdict of one."""
    monkeypatch.setenv("BREAKOUTS_HOME", str(tmp_path))

    def look(name: str, **changes: str) -> Verdict:
        for variable, value in changes.items():
            monkeypatch.setenv(variable, value)
        parts = Parts()
        found = dict(run((*database.CHECKS, *postgresql.CHECKS), parts))
        parts.database.close()
        return found[name]

    return look


def test_postgresql_that_only_reads_is_told_from_one_that_writes(
    diagnose: Diagnose, postgres: Postgres, postgres_url: str
) -> None:
    assert diagnose(WRITING, DATABASE_URL=postgres_url).status is Status.OK
    postgres.set(postgres_url, "default_transaction_read_only", "on")
    verdict = diagnose(WRITING, DATABASE_URL=postgres_url)
    assert (verdict.status, verdict.detail) == (Status.FAILED, "default_transaction_read_only is on")


def test_missing_rights_and_connections_are_named(diagnose: Diagnose, postgres: Postgres, postgres_url: str) -> None:
    guest = postgres.guest(postgres_url, connections=5)
    verdict = diagnose(CONNECTIONS, DATABASE_URL=guest)
    assert (verdict.status, "are left for our role" in verdict.detail) == (Status.WARNING, True)
    assert "DATABASE_CONNECTIONS" in verdict.advice
    assert diagnose(CONNECTIONS, DATABASE_URL=guest, DATABASE_CONNECTIONS="2").status is Status.OK
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("REVOKE INSERT ON room FROM guest")
    verdict = diagnose(WRITING, DATABASE_URL=guest)
    assert (verdict.status, verdict.detail) == (Status.FAILED, "the role may not write room")
    postgres.limit(postgres_url, 0)
    verdict = diagnose(DATABASE, DATABASE_URL=guest)
    assert (verdict.status, "too many connections" in verdict.detail) == (Status.FAILED, True)
    assert "DATABASE_CONNECTIONS" in verdict.advice


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (("/test_", "/nowhere_"), "create the database"),
        (("//postgres@", "//nobody@"), "create the role"),
        (("127.0.0.1:", "nowhere.invalid:"), "correct the host"),
        (("?", "?sslmode=verify-full&sslrootcert=/nowhere"), "sslrootcert"),
        (("?", "?service=nowhere"), "service"),
    ],
    ids=["database", "role", "host", "certificate", "service"],
)
def test_advice_fits_why_postgresql_can_not_be_reached(
    diagnose: Diagnose, postgres_url: str, change: tuple[str, str], advice: str
) -> None:
    verdict = diagnose(DATABASE, DATABASE_URL=f"{postgres_url}?".replace(*change))
    assert (verdict.status, advice in verdict.advice) == (Status.FAILED, True), verdict


@needs_pgbouncer
def test_a_pooler_is_seen_and_what_it_refuses_is_explained(diagnose: Diagnose, postgres_url: str) -> None:
    with pgbouncer(postgres_url) as pooled:
        verdict = diagnose(DATABASE, DATABASE_URL=pooled)
        assert (verdict.status, "through a pooler" in verdict.detail) == (Status.OK, True), verdict
        verdict = diagnose(DATABASE, DATABASE_URL=f"{pooled}?options=-cgeqo%3Doff")
        assert (verdict.status, "leave `options` out" in verdict.advice) == (Status.FAILED, True), verdict
