"""`breakouts webhooks ensure`: one webhook at RealtimeKit, however often it runs and whatever fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Processes
from tests.support.sandbox_server import SandboxServer

URL = "https://breakouts.example.com"
CALLED = f"RealtimeKit calls {URL}/v1/webhooks/realtimekit"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Return an empty sandbox."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def env(sandbox: SandboxServer, broker_url: str, tmp_path: Path) -> dict[str, str]:
    """Return everything that the command needs."""
    return {
        "BREAKOUTS_HOME": str(tmp_path / "home"),
        "BROKER_URL": broker_url,
        "REALTIMEKIT_BASE_URL": sandbox.base_url,
        "REALTIMEKIT_ACCOUNT_ID": sandbox.account_id,
        "REALTIMEKIT_APP_ID": sandbox.app_id,
        "REALTIMEKIT_API_TOKEN": sandbox.api_token,
        "PUBLIC_URL": URL,
    }


def registered(sandbox: SandboxServer) -> list[str]:
    """Return the URLs that RealtimeKit calls."""
    return [webhook["url"] for webhook in sandbox.state()["webhooks"]]


def test_it_registers_once_whatever_realtimekit_answered_first(
    processes: Processes, sandbox: SandboxServer, env: dict[str, str]
) -> None:
    refusal = {"operation": "create_webhook", "kind": "refuse", "status": 403, "message": "No such permission"}
    sandbox.faults(refusal | {"times": 2})
    once = processes.breakouts("webhooks", "ensure", env=env)
    patient = processes.breakouts("webhooks", "ensure", "--keep-trying", env=env)
    assert once.wait(60) == 2, once.output
    assert "breakouts: No such permission" in once.output
    assert patient.wait(60) == 0, patient.output
    assert "did not take our webhook (No such permission)" in patient.output
    assert CALLED in patient.output

    again = processes.breakouts("webhooks", "ensure", env=env)
    assert again.wait(60) == 0, again.output
    assert CALLED in again.output
    assert registered(sandbox) == [f"{URL}/v1/webhooks/realtimekit"]
