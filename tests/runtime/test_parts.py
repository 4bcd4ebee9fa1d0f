"""The parts that other tests rely on."""

import subprocess
import sys

import psycopg
import pytest
import redis
from sqlalchemy import create_engine, text

from orchestrator.runtime.guard import guarded
from tests.support.databases import engine_of
from tests.support.postgres import Postgres
from tests.support.processes import Processes
from tests.support.valkey import Valkey


def test_a_killed_broker_comes_back_at_the_same_address_with_what_was_written(own_valkey: Valkey) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set("kept", "yes")
    own_valkey.kill()
    own_valkey.start()
    with redis.Redis.from_url(own_valkey.url, decode_responses=True) as client:
        assert client.get("kept") == "yes"


def test_databases_of_one_server_do_not_see_each_other(postgres: Postgres) -> None:
    one, other = postgres.fresh(), postgres.fresh()
    with psycopg.connect(one, autocommit=True) as connection:
        connection.execute("CREATE TABLE only_here (id int)")
    with psycopg.connect(other) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM only_here")


def test_both_kinds_of_database_answer(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_a_fresh_database_has_our_tables_and_nothing_in_them(database_url: str) -> None:
    engine = engine_of(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM breakout")).scalar_one() == 0
    engine.dispose()


def test_a_process_that_ends_early_fails_the_wait_with_its_output(processes: Processes) -> None:
    process = processes.start([sys.executable, "-c", "print('out of luck')"], {})
    with pytest.raises(AssertionError, match="out of luck"):
        process.wait_for_text("never printed")


@pytest.mark.parametrize("watch", [False, True], ids=["by the kernel", "by watching"])
def test_a_guarded_command_passes_its_exit_code_on(watch: bool) -> None:
    assert subprocess.call(guarded([sys.executable, "-c", "exit(7)"], watch=watch)) == 7
