"""Databases for tests of the store, without anything that sends."""

from collections.abc import Iterator

import pytest

from orchestrator import bootstrap
from orchestrator.settings import Settings
from orchestrator.store.database import Database
from tests.store.rows import Rows, rows_in
from tests.support.databases import SQLiteTemplate, migrate_url
from tests.support.postgres import Postgres


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Fresh, once on each kind."""
    made = bootstrap.reader(Settings(database_url=database_url, _env_file=None))
    yield made
    made.close()


@pytest.fixture(scope="session")
def sqlite_rows(sqlite_template: SQLiteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """One SQLite for all tests that take `rows`, which empties it."""
    with rows_in(sqlite_template.copy_to(tmp_path_factory.mktemp("rows") / "breakouts.db")) as made:
        yield made


@pytest.fixture(scope="session")
def postgresql_rows(postgres: Postgres) -> Iterator[Rows]:
    """One database of PostgreSQL for all tests that take `rows`, which empties it."""
    url = postgres.migrated(migrate_url)
    with rows_in(url) as made:
        yield made
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def rows(request: pytest.FixtureRequest) -> Rows:
    """Give a database without rows. The test runs once on each kind."""
    made: Rows = request.getfixturevalue(f"{request.param}_rows")
    made.clear()
    return made


@pytest.fixture(params=["postgresql"])
def concurrent_rows(postgresql_rows: Rows) -> Rows:
    """Give a PostgreSQL without rows, because on SQLite a transaction that writes is alone."""
    postgresql_rows.clear()
    return postgresql_rows
