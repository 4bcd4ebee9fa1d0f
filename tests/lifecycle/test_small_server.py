"""A server that grants our role nine connections is enough for an API, a worker and a timekeeper."""

from pathlib import Path

import psycopg

from tests.support.postgres import Postgres
from tests.support.processes import Processes
from tests.support.stack import stack_in

CONNECTIONS = 9
EACH = 2
MOST = EACH + (EACH + 2) + EACH
"""Of an API, a worker and a timekeeper, as docs/deploying.md says."""


def test_a_crowd_of_rooms_opens_and_closes_with_nine_connections(
    processes: Processes, postgres: Postgres, postgres_url: str, broker_url: str, tmp_path: Path
) -> None:
    url = postgres.guest(postgres_url, CONNECTIONS)
    settings = {"DATABASE_CONNECTIONS": str(EACH)}
    parts = {"database_url": url, "broker_url": broker_url, "home": tmp_path / "home", "settings": settings}
    with stack_in(processes, **parts) as stack:
        stack.start()
        made = stack.breakout(stack.meeting(30), rooms=15)
        stack.wait(made["id"], "open")
        with psycopg.connect(postgres_url) as connection:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'guest' AND datname = current_database()"
            (used,) = connection.execute(asked).fetchone() or (0,)
        assert 3 <= used <= MOST
        stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
        stack.wait(made["id"], "closed")
        assert all(process.alive for process in processes.started)
