"""A running system, shared by the tests of one process; each test uses a meeting of its own."""

from collections.abc import Iterator

import pytest

from tests.support.databases import SQLiteTemplate, migrate_url
from tests.support.processes import processes_in
from tests.support.stack import Stack, stack_in
from tests.support.valkey import valkey_in


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one system in one process of xdist, because each process would start it anew."""
    for item in items:
        database = getattr(getattr(item, "callspec", None), "params", {}).get("running")
        if database and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(f"running on {database}"))


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the whole system, once on each database."""
    folder = tmp_path_factory.mktemp("stack")
    if request.param == "sqlite":
        template: SQLiteTemplate = request.getfixturevalue("sqlite_template")
        url = template.copy_to(folder / "breakouts.db")
    else:
        url = request.getfixturevalue("postgres").migrated(migrate_url)
    with (
        processes_in(folder) as processes,
        valkey_in(folder / "valkey") as broker,
        stack_in(processes, database_url=url, broker_url=broker.url, home=folder / "home") as stack,
    ):
        stack.start()
        yield stack


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """Return the running system, with a working sandbox and no open browser."""
    yield running
    running.crowds.leave()
    running.sandbox.faults()
    running.sandbox.switches(duplicate_participant="second_record")
    running.sandbox.latency(0)
