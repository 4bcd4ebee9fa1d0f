"""A database for tests of the store, without anything that sends."""

from collections.abc import Iterator

import pytest

from orchestrator import bootstrap
from orchestrator.settings import Settings
from orchestrator.store.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Fresh, once on each kind."""
    made = bootstrap.reader(Settings(database_url=database_url, _env_file=None))
    yield made
    made.close()
