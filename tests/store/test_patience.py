"""A PostgreSQL that is frozen, as a paused machine or a stuck disk leaves it, keeps no thread for ever."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text

from orchestrator.database_address import checked
from orchestrator.store.engine import make_engine
from orchestrator.store.patience import ANSWER_SECONDS
from orchestrator.store.trouble import DatabaseUnavailable

ONE = text("SELECT 1")


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """Connect to a database of PostgreSQL's, with one connection."""
    made = make_engine(checked(postgres_url), 1)
    yield made
    made.dispose()


@contextmanager
def frozen(process: int) -> Iterator[None]:
    """Stop a process of the server's."""
    os.kill(process, signal.SIGSTOP)
    yield
    os.kill(process, signal.SIGCONT)


def test_a_statement_without_an_answer_is_given_up_with_its_connection(engine: Engine) -> None:
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.answers_within == ANSWER_SECONDS
        driver.answers_within = 0.3
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with frozen(process), pytest.raises(DatabaseUnavailable, match=r"no answer within 0\.3 s"):
            connection.execute(ONE)
        assert driver.closed
    with engine.connect() as connection:
        assert connection.execute(ONE).scalar_one() == 1, "on another connection"


def test_a_statement_that_fails_keeps_its_connection(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 50"))
        with pytest.raises(DatabaseUnavailable, match="timeout"):
            connection.execute(text("SELECT pg_sleep(20)"))
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert connection.execute(ONE).scalar_one() == 1
        assert not driver.closed


def test_an_address_with_a_limit_of_its_own_is_waited_for(postgres_url: str) -> None:
    engine = make_engine(checked(f"{postgres_url}?options=-c%20statement_timeout%3D123000"), 1)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.answers_within is None
    engine.dispose()
