"""Everything behind PgBouncer in transaction mode, where each transaction may get another session of the server."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestrator.settings import Settings
from orchestrator.store.database import Database
from tests.support.databases import migrate_url
from tests.support.pgbouncer import needs_pgbouncer, pgbouncer
from tests.support.postgres import Postgres
from tests.support.processes import Processes
from tests.support.stack import stack_in

pytestmark = needs_pgbouncer


@pytest.fixture
def pooled_url(postgres: Postgres) -> Iterator[str]:
    """Give a database without tables behind a pooler."""
    url = postgres.fresh()
    with pgbouncer(url) as pooled:
        yield pooled
    postgres.drop(url)


def test_a_breakout_is_opened_and_closed_behind_a_pooler(
    processes: Processes, pooled_url: str, broker_url: str, tmp_path: Path
) -> None:
    migrate_url(pooled_url)
    migrate_url(pooled_url)
    with stack_in(processes, database_url=pooled_url, broker_url=broker_url, home=tmp_path / "home") as stack:
        stack.start()
        made = stack.breakout(stack.meeting(6), rooms=3)
        stack.wait(made["id"], "open")
        for _ in range(10):  # as often as psycopg would need to prepare a statement
            assert stack.see(made["id"])["state"] == "open"
        stack.post(f"/v1/breakouts/{made['id']}/close")
        stack.wait(made["id"], "closed")
        assert not [
            line for process in processes.started for line in process.output.splitlines() if "Traceback" in line
        ]


def test_limits_end_with_the_transaction_behind_a_pooler(pooled_url: str) -> None:
    database = Database(Settings(database_url=pooled_url, _env_file=None).database, lambda *_: None, pool_size=2)
    settings = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "timezone")
    asked = "SELECT " + ", ".join(f"current_setting('{name}')" for name in settings)
    with database.transaction() as tx, database.reading() as reading, psycopg.connect(pooled_url) as other:
        for session in (tx.session, reading):
            assert session.connection().exec_driver_sql(asked).one() == ("3s", "10s", "5s", "UTC")
        assert other.execute("SHOW lock_timeout").fetchone() == ("0",)
    with database.glancing() as session:
        assert session.connection().exec_driver_sql("SHOW statement_timeout").scalar_one() == "10s"
    database.close()
    with psycopg.connect(pooled_url) as other:
        assert other.execute("SHOW statement_timeout").fetchone() == ("0",)
