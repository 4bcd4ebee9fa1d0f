"""One lane for all tests here, which survives what they do to it."""

from collections.abc import Iterator

import pytest

from tests.chaos.lane import Lane, lane_in
from tests.support.postgres import Postgres


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one process of xdist."""
    for item in items:
        if isinstance(item, pytest.Function) and "lane" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("lane"))


@pytest.fixture(scope="package")
def lane(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """Run a system whose processes die where they are ordered to."""
    with lane_in(tmp_path_factory.mktemp("lane"), postgres) as started:
        yield started
