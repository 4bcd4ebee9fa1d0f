"""Fixtures over real parts. Servers start once per test process (xdist) and are handed out fresh or emptied."""

import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
import structlog

from orchestrator.domain import distribution
from orchestrator.runtime import memory
from tests.support import postgres as postgres_support
from tests.support import sharing
from tests.support.databases import SQLiteTemplate, migrate_url
from tests.support.endpoint import CallersServer
from tests.support.postgres import Postgres
from tests.support.processes import Processes, processes_in
from tests.support.sharing import SharingByFile
from tests.support.valkey import Valkey, valkey_in

memory.spare()
structlog.configure(  # as processes log; a traceback with all its variables, structlog's default, takes half a second
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes that `-n auto` means here."""
    return sharing.number_of_processes()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharingByFile | None:
    """Share the tests out by file, unless another way is asked for, because only this one knows of groups."""
    return SharingByFile(config, log) if config.option.dist == "loadgroup" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in the order in which they take the least time."""
    sharing.put_in_order(items)


def pytest_collection_finish() -> None:
    """Exclude what was imported and collected from garbage collection, as our processes do."""
    memory.settle()


@pytest.fixture(autouse=True)
def seeds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a plan without a seed be dealt alike each time a test runs in this process, so that no verdict is luck."""
    luck = random.Random(request.node.nodeid)
    monkeypatch.setattr(distribution, "secrets", SimpleNamespace(randbelow=luck.randrange))


@pytest.fixture(scope="session")
def valkey_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One broker for all tests of this process; use `valkey` or `broker_url`, which empty it."""
    with valkey_in(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def broker_url(valkey_of_session: Valkey) -> str:
    """Give the address of an empty broker that other tests share. Take `own_valkey` to kill one."""
    with redis.Redis.from_url(valkey_of_session.url) as client:
        client.flushall()
    return valkey_of_session.url


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Give a broker of this test's own, to be killed and started again at will (it starts at once)."""
    with valkey_in(tmp_path / "own-valkey") as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this process; ask it for databases."""
    with postgres_support.postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give a database without tables. The test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.fresh()
    yield url
    server.drop(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SQLiteTemplate:
    """Give a migrated SQLite file to copy."""
    return SQLiteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def sqlite_url(sqlite_template: SQLiteTemplate, tmp_path: Path) -> str:
    """Give a fresh SQLite database with our tables."""
    return sqlite_template.copy_to(tmp_path / "breakouts.db")


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Give a fresh PostgreSQL database with our tables."""
    url = postgres.migrated(migrate_url)
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give a fresh database with our tables. The test runs once on each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Start our commands, and kill whatever still runs at the end of the test."""
    folder = tmp_path / "processes"
    folder.mkdir()
    with processes_in(folder) as started:
        yield started


@pytest.fixture
def cold_processes(tmp_path: Path) -> Iterator[Processes]:
    """Start our commands as users do, with imports of their own, where the start itself is what is tested."""
    folder = tmp_path / "cold-processes"
    folder.mkdir()
    with processes_in(folder, cold=True) as started:
        yield started


@pytest.fixture
def server() -> Iterator[CallersServer]:
    """Run a caller's server that answers at once."""
    with CallersServer() as running:
        yield running
