"""Fixtures over real parts. Servers start once per test process (xdist) and are handed out fresh or emptied."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support import postgres as postgres_support
from tests.support.postgres import Postgres
from tests.support.processes import Processes, processes_in
from tests.support.valkey import Valkey, valkey_in


@pytest.fixture(scope="session")
def valkey_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One broker for all tests of this process; use `valkey` or `broker_url`, which empty it."""
    with valkey_in(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def broker_url(valkey_of_session: Valkey) -> str:
    """The address of a broker that is empty; kill it and you hurt other tests: take `own_valkey` for that."""
    with redis.Redis.from_url(valkey_of_session.url) as client:
        client.flushall()
    return valkey_of_session.url


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A broker of this test's own, to be killed and started again at will (it starts at once)."""
    with valkey_in(tmp_path / "own-valkey") as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this process; ask it for databases."""
    with postgres_support.postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables: the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.fresh()
    yield url
    server.drop(url)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts our commands; whatever still runs at the end of the test is killed."""
    folder = tmp_path / "processes"
    folder.mkdir()
    with processes_in(folder) as started:
        yield started
