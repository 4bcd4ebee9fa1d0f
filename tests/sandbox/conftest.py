"""An empty, quick sandbox for each test, the SDK on it, and somebody who takes its webhooks."""

from collections.abc import Iterator

import pytest

from orchestrator.sandbox.world.config import Delivery, SandboxConfig, Timings
from tests.sandbox.kit import Kit
from tests.sandbox.receiver import Receiver
from tests.support.sandbox_server import SandboxServer


@pytest.fixture(scope="session")
def kit_of_process() -> Iterator[Kit]:
    """Recordings move on at once, failed webhooks are sent again at once; sessions linger for a minute."""
    timings = Timings(recording_starts_after=0, recording_uploads_after=0)
    with SandboxServer(SandboxConfig(timings=timings, delivery=Delivery(backoff_seconds=0.01))) as running:
        yield Kit(running)


@pytest.fixture
def kit(kit_of_process: Kit) -> Kit:
    """The SDK on a sandbox with nothing in it."""
    kit_of_process.sandbox.reset()
    return kit_of_process


@pytest.fixture
def sandbox(kit: Kit) -> SandboxServer:
    """The sandbox itself."""
    return kit.sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where webhooks may go."""
    with Receiver() as running:
        yield running
