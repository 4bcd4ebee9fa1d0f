"""The database is restarted while the system runs: work continues soon after it is back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import migrate_url
from tests.support.postgres import Postgres
from tests.support.postgres import postgres as own_postgres
from tests.support.processes import Processes
from tests.support.stack import Stack, stack_in
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

LONG_SECONDS = 90
"""The length of a lease; work that waits for its end misses the deadline of the test."""


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Run a database server for this test."""
    with own_postgres() as started:
        yield started


@pytest.fixture
def patient(processes: Processes, server: Postgres, valkey_of_session: Valkey, tmp_path: Path) -> Iterator[Stack]:
    """Run a system with long leases."""
    parts = {"database_url": server.migrated(migrate_url), "broker_url": valkey_of_session.url}
    settings = {"LEASE_SECONDS": str(LONG_SECONDS)}
    with stack_in(processes, **parts, home=tmp_path / "home", settings=settings) as stack:
        stack.start()
        yield stack


def test_rows_that_a_worker_held_when_the_database_went_away_go_on_when_it_is_back(
    patient: Stack, server: Postgres
) -> None:
    stack, meeting = patient, patient.meeting(6)
    stack.sandbox.latency(1000)
    made = stack.breakout(meeting, rooms=3)
    wait_until(lambda: stack.sandbox.calls()["counts"]["create_meeting"] == 1 + 3, what="rooms that are being made")
    server.stop()
    wait_until(lambda: "raised unexpected" in stack.workers[0].output, what="a pass that could not record")
    server.start()
    stack.sandbox.latency(0)
    opened = stack.wait(made["id"], "open", LONG_SECONDS / 2)
    titles = [it["title"] for it in stack.sandbox.state()["meetings"] if it["title"].startswith(opened["name"])]
    assert len(titles) == 3, titles


def test_processes_that_met_a_database_that_only_reads_go_on_when_it_can_be_written(
    patient: Stack, server: Postgres
) -> None:
    stack, url = patient, patient.environment["DATABASE_URL"]
    draft = stack.breakout(stack.meeting(4), rooms=2, start="manual")
    server.set(url, "default_transaction_read_only", "on")
    server.cut(url)  # every process connects anew, to sessions that stay as they are
    wait_until(lambda: stack.api.get("/readyz").status_code == 503, what="readiness that notices")
    answer = stack.api.post(f"/v1/breakouts/{draft['id']}/start")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2"), answer.text
    server.set(url, "default_transaction_read_only", "off")
    wait_until(lambda: stack.api.post(f"/v1/breakouts/{draft['id']}/start").is_success, what="a start")
    stack.wait(draft["id"], "open", LONG_SECONDS / 2)
    assert all(process.alive for process in stack.processes.started)
