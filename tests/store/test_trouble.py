"""What the database refuses for now is told apart from mistakes, and a better connection is looked for."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.settings import Settings
from orchestrator.store.database import Database
from orchestrator.store.trouble import DATABASE_TROUBLE, REASONS, DatabaseUnavailable
from tests.support.postgres import Postgres

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'cached plan must not change result type' USING ERRCODE = '{}'; END $$"
FULL = {"08": "08006", "53": "53000", "57P": "57P03", "58": "58030"}
STATES = [FULL.get(begin, begin) for begin in REASONS if not begin.startswith("SQLITE")] + ["57P01", "57P02", "57P05"]
MISTAKES = ["22012", "23505", "25P02", "42501", "42601", "42P01", "P0001", "XX000"]


@pytest.mark.parametrize("state", STATES)
def test_each_state_that_means_not_now_is_trouble(state: str, postgres_url: str) -> None:
    database = database_at(postgres_url)
    before = backend(database)
    with pytest.raises(DATABASE_TROUBLE) as caught, database.transaction() as tx:
        tx.session.execute(text(RAISE.format(state)))
    assert isinstance(caught.value, DatabaseUnavailable)
    assert (backend(database) != before) == caught.value.reason.reconnect
    database.close()


@pytest.mark.parametrize("state", MISTAKES)
def test_a_mistake_is_no_trouble_and_costs_no_connection(state: str, postgres_url: str) -> None:
    database = database_at(postgres_url)
    before = backend(database)
    with pytest.raises(SQLAlchemyError) as caught, database.transaction() as tx:
        tx.session.execute(text(RAISE.format(state)))
    assert not isinstance(caught.value, DATABASE_TROUBLE)
    assert backend(database) == before
    database.close()


def test_all_idle_connections_to_a_server_that_only_reads_are_closed(postgres: Postgres, postgres_url: str) -> None:
    database = database_at(postgres_url)
    postgres.set(postgres_url, "default_transaction_read_only", "on")
    with database.transaction() as one, database.transaction() as other:
        for tx in (one, other):
            tx.session.execute(text("SELECT 1"))
    postgres.set(postgres_url, "default_transaction_read_only", "off")
    with pytest.raises(DATABASE_TROUBLE):
        write(database)
    with database.transaction() as one, database.transaction() as other:
        for tx in (one, other):
            assert tx.session.scalar(text("SHOW transaction_read_only")) == "off"
    database.close()


@pytest.mark.parametrize(
    ("pragma", "undo"),
    [("query_only = on", ""), ("max_page_count = 1", "max_page_count = 1000000")],
    ids=["a file that may only be read", "a full disk"],
)
def test_sqlite_that_can_not_be_written_is_trouble_until_it_can(sqlite_url: str, pragma: str, undo: str) -> None:
    database = database_at(sqlite_url)
    run_on(database, pragma)
    with pytest.raises(DATABASE_TROUBLE):
        write(database)
    run_on(database, undo)
    write(database)
    database.close()


def test_a_turn_ends_although_the_connection_is_gone(postgres_url: str) -> None:
    database = database_at(postgres_url)
    turn = database._turns.of("breakout")  # held here, because others wait for it
    with pytest.raises((LookupError, *DATABASE_TROUBLE)):
        fail_without_connection(database, "breakout")
    assert turn.acquire(blocking=False)
    database.close()


def test_connections_that_nobody_needs_are_closed(postgres_url: str) -> None:
    database = database_at(postgres_url)
    pool: Any = database.engine.pool
    with database.transaction() as one, database.transaction() as other:
        for tx in (one, other):
            tx.session.execute(text("SELECT 1"))
    assert pool.checkedin() == 2
    pool.close_rested(3600.0)
    assert pool.checkedin() == 2
    pool.close_rested(0.0)
    assert pool.checkedin() == 0
    with database.transaction() as one, database.transaction() as other:
        for tx in (one, other):
            tx.session.execute(text("SELECT 1"))
    database.close()


def test_a_server_without_a_free_connection_is_trouble(postgres: Postgres, postgres_url: str) -> None:
    postgres.limit(postgres_url, 0)
    database = database_at(postgres_url.replace("//postgres@", "//guest@"))
    with pytest.raises(DATABASE_TROUBLE, match="too many connections"):
        backend(database)
    postgres.limit(postgres_url, -1)
    assert backend(database)
    database.close()


def fail_without_connection(database: Database, turn: str) -> None:
    """Raise an error in a transaction that has this turn, and whose connection the server has ended."""
    with database.transaction() as tx:
        tx.take_turn(turn)
        mine = tx.session.scalar(text("SELECT pg_backend_pid()"))
        with database.transaction() as other:
            other.session.execute(text("SELECT pg_terminate_backend(:it, 5000)"), {"it": mine})
        raise LookupError("of no matter")


def write(database: Database) -> None:
    """Write so much that the file must grow."""
    with database.transaction() as tx:
        tx.session.execute(text("CREATE TABLE IF NOT EXISTS filler (words text)"))
        tx.session.execute(text("INSERT INTO filler VALUES (:words)"), {"words": "x" * 100_000})


def run_on(database: Database, pragma: str) -> None:
    """Run a pragma on a connection that is then used again."""
    if pragma:
        with database.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA {pragma}")


def backend(database: Database) -> int:
    """Return which session of the server the next transaction gets."""
    with database.transaction() as tx:
        return int(tx.session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def database_at(url: str) -> Database:
    """Open a database as our processes do."""
    settings = Settings(database_url=url, _env_file=None)
    return Database(settings.database, lambda *_: None, pool_size=2)
