"""Parts shared by all tests of this process; each test has a meeting of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from schemas.tables import Breakout, Room
from tests.api.conftest import parts
from tests.services.hand import Hand
from tests.services.live import Live
from tests.services.outgoing import Outgoing
from tests.support.databases import SQLiteTemplate
from tests.support.sandbox_server import SandboxServer
from tests.support.valkey import Valkey


def _built(
    sqlite_template: SQLiteTemplate, valkey_of_session: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deps, SandboxServer]]:
    """Build the parts of services, and the sandbox that stands in for RealtimeKit."""
    with built_in(tmp_path_factory.mktemp("services"), sqlite_template, valkey_of_session) as parts_and_sandbox:
        yield parts_and_sandbox


built = pytest.fixture(scope="session", name="built")(_built)
built_apart = pytest.fixture(scope="module", name="built_apart")(_built)
"""Parts of a module's own, for work that is about the rows of all breakouts at once."""


@contextmanager
def built_in(home: Path, template: SQLiteTemplate, valkey: Valkey) -> Iterator[tuple[Deps, SandboxServer]]:
    """Build parts on SQLite whose quota all tests together don't use up, and a sandbox."""
    urls = {"database_url": template.copy_to(home / "breakouts.db"), "broker_url": valkey.url}
    with SandboxServer() as sandbox, parts(sandbox, home, realtimekit_requests_per_5_minutes=100_000, **urls) as made:
        yield made, sandbox


@pytest.fixture
def fresh(built: tuple[Deps, SandboxServer]) -> tuple[Deps, SandboxServer]:
    """Give the same parts with an empty sandbox that has no faults."""
    built[1].reset()
    return built


@pytest.fixture
def draft(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Prepare a draft with Ana and Bo in a room each."""
    hand = Hand(*fresh, ["ana", "bo"], rooms=2, start="manual")
    operations.prepare(hand.deps, hand.breakout_id)
    hand.work(Breakout, Room)
    return hand


@pytest.fixture
def live(fresh: tuple[Deps, SandboxServer]) -> Live:
    """Open a breakout without a timer."""
    return Live(fresh)


@pytest.fixture(scope="module")
def outgoing(
    sqlite_template: SQLiteTemplate, valkey_of_session: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deps]:
    """Build parts of a module's own, which may send to this machine."""
    home: Path = tmp_path_factory.mktemp("outgoing")
    urls = {"database_url": sqlite_template.copy_to(home / "breakouts.db"), "broker_url": valkey_of_session.url}
    with SandboxServer() as sandbox, parts(sandbox, home, webhook_allow_private=True, **urls) as made:
        yield made


@pytest.fixture
def told(outgoing: Deps) -> Outgoing:
    """Make a meeting of which endpoints are told."""
    return Outgoing(outgoing)
