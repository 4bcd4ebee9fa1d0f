"""Fixtures: a sandbox, a scripted server for answers that the sandbox does not give, and clients of both."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator.realtimekit.calls import OnCall
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.gate import Quota
from orchestrator.settings import Settings
from tests.realtimekit.scripted import ScriptedServer
from tests.support.sandbox_server import SandboxServer

Connect = Callable[..., RealtimeKit]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Start a new sandbox."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """Start a server that answers what the test says."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def connect(broker_url: str) -> Iterator[Connect]:
    """Return a function that makes clients for a base URL and any settings, and close them all at the end."""
    clients: list[RealtimeKit] = []

    def connected(base_url: str, on_call: OnCall | None = None, **changes: Any) -> RealtimeKit:
        settings = settings_for(base_url, broker_url, **changes)
        clients.append(RealtimeKit(settings, Quota.of(settings), on_call))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


def settings_for(base_url: str, broker_url: str, **changes: Any) -> Settings:
    """Build settings that point at a sandbox, whatever the environment says."""
    given: dict[str, Any] = {
        "broker_url": broker_url,
        "realtimekit_base_url": base_url,
        "realtimekit_account_id": SandboxServer.account_id,
        "realtimekit_app_id": SandboxServer.app_id,
        "realtimekit_api_token": SandboxServer.api_token,
        "realtimekit_requests_per_5_minutes": 100_000,
        "realtimekit_timeout_seconds": 5.0,
    }
    return Settings(_env_file=None, **(given | changes))


@pytest.fixture
def kit(sandbox: SandboxServer, connect: Connect) -> RealtimeKit:
    """Return a client of the sandbox."""
    return connect(sandbox.base_url)
