"""Fixtures: an empty, quick sandbox, the SDK pointed at it, and a receiver of its webhooks."""

from collections.abc import Iterator

import pytest

from orchestrator.sandbox.world.config import Delivery, SandboxConfig, Timings
from tests.sandbox.kit import Kit
from tests.sandbox.receiver import Receiver
from tests.support.sandbox_server import SandboxServer


@pytest.fixture(scope="session")
def kit_of_process() -> Iterator[Kit]:
    """Start a sandbox without delays of recordings and of webhook retries."""
    timings = Timings(recording_starts_after=0, recording_uploads_after=0)
    with SandboxServer(SandboxConfig(timings=timings, delivery=Delivery(backoff_seconds=0.01))) as running:
        yield Kit(running)


@pytest.fixture
def kit(kit_of_process: Kit) -> Kit:
    """Return the SDK pointed at an empty sandbox."""
    kit_of_process.sandbox.reset()
    return kit_of_process


@pytest.fixture
def sandbox(kit: Kit) -> SandboxServer:
    """Return the sandbox of `kit`."""
    return kit.sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Start a receiver of webhooks."""
    with Receiver() as running:
        yield running
