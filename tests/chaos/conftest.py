"""One lane for all tests of this process: it survives what they do to it."""

from collections.abc import Iterator

import pytest

from tests.chaos.lane import Lane, lane_in
from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
def lane(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """A running system whose processes die where they are told to."""
    with lane_in(tmp_path_factory.mktemp("lane"), postgres) as started:
        yield started
