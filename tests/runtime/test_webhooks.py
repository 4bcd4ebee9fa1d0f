"""`breakouts webhooks ensure`: one webhook, however often it runs and whatever fails, and never another's."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.databases import migrate_url
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
def env(sandbox: SandboxServer, broker_url: str, sqlite_url: str, tmp_path: Path) -> dict[str, str]:
    """Return everything that the command needs."""
    return {
        "DATABASE_URL": sqlite_url,
        "BREAKOUTS_HOME": str(tmp_path / "home"),
        "BROKER_URL": broker_url,
        "REALTIMEKIT_BASE_URL": sandbox.base_url,
        "REALTIMEKIT_ACCOUNT_ID": sandbox.account_id,
        "REALTIMEKIT_APP_ID": sandbox.app_id,
        "REALTIMEKIT_API_TOKEN": sandbox.api_token,
        "PUBLIC_URL": URL,
    }


@pytest.fixture
def copied(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return the same for a deployment with a database of its own, which has copied the `.env`."""
    url = f"sqlite:///{tmp_path / 'another.db'}"
    migrate_url(url)
    return env | {"DATABASE_URL": url}


def registered(sandbox: SandboxServer) -> list[str]:
    """Return the URLs that RealtimeKit calls."""
    return [webhook["url"] for webhook in sandbox.state()["webhooks"]]


def ensure(processes: Processes, env: dict[str, str], *options: str, code: int = 0) -> str:
    """Run the command to its end, and return what it prints."""
    process = processes.breakouts("webhooks", "ensure", *options, env=env)
    assert process.wait() == code, process.output
    assert "Traceback" not in process.output
    return process.output


def test_it_registers_once_whatever_realtimekit_answered_first(
    processes: Processes, sandbox: SandboxServer, env: dict[str, str]
) -> None:
    refusal = {"operation": "create_webhook", "kind": "refuse", "status": 403, "message": "No such permission"}
    sandbox.faults(refusal | {"times": 2})
    once = processes.breakouts("webhooks", "ensure", env=env)
    patient = processes.breakouts("webhooks", "ensure", "--keep-trying", env=env)
    assert once.wait() == 2, once.output
    assert "breakouts: No such permission" in once.output
    assert patient.wait() == 0, patient.output
    assert "our webhook is not registered (No such permission)" in patient.output
    assert CALLED in patient.output

    again = processes.breakouts("webhooks", "ensure", env=env)
    assert again.wait() == 0, again.output
    assert CALLED in again.output
    assert registered(sandbox) == [f"{URL}/v1/webhooks/realtimekit"]


def test_creates_without_an_answer_leave_one_webhook(
    processes: Processes, sandbox: SandboxServer, env: dict[str, str]
) -> None:
    sandbox.faults({"operation": "create_webhook", "kind": "error_after", "times": 1})
    ensure(processes, env)
    ours = sandbox.state()["webhooks"]
    assert registered(sandbox) == [f"{URL}/v1/webhooks/realtimekit"]

    path = f"accounts/{sandbox.account_id}/realtime/kit/{sandbox.app_id}/webhooks"
    late = {name: ours[0][name] for name in ("name", "url", "events")}
    httpx.post(f"{sandbox.base_url}/{path}", json=late, headers={"Authorization": "Bearer x"}, trust_env=False)
    assert len(registered(sandbox)) == 2, "one that was made although its create failed, and that shows up late"
    ensure(processes, env)
    assert len(registered(sandbox)) == 1


def test_a_copied_env_takes_no_webhook_from_another_deployment(
    processes: Processes, sandbox: SandboxServer, env: dict[str, str], copied: dict[str, str]
) -> None:
    ensure(processes, env)
    before = sandbox.state()["webhooks"]
    for _ in range(2):
        refusal = ensure(processes, copied, code=2)
        assert f"of another deployment calls {URL}/v1/webhooks/realtimekit: set PUBLIC_URL" in refusal
    assert sandbox.state()["webhooks"] == before

    own = copied | {"PUBLIC_URL": "https://laptop.example.com"}
    ensure(processes, own)
    ensure(processes, env)
    assert sandbox.state()["webhooks"][:1] == before
    assert registered(sandbox)[1:] == ["https://laptop.example.com/v1/webhooks/realtimekit"]

    patient = processes.breakouts("webhooks", "ensure", "--keep-trying", env=copied)
    patient.wait_for_text("tried again in", 60)  # for this `breakouts up` waits, and goes on without a webhook
    ensure(processes, copied, "--only")
    assert patient.wait() == 0, patient.output
    assert len(registered(sandbox)) == 1
    assert sandbox.state()["webhooks"][0]["name"] != before[0]["name"]


def test_a_copied_database_leaves_the_webhook_where_it_is(
    processes: Processes, sandbox: SandboxServer, env: dict[str, str]
) -> None:
    ensure(processes, env)
    moved = env | {"PUBLIC_URL": "https://new.example.com"}
    assert f"also calls {URL}/v1/webhooks/realtimekit for this deployment; if it has moved" in ensure(processes, moved)
    assert len(registered(sandbox)) == 2
    ensure(processes, moved, "--only")
    assert registered(sandbox) == ["https://new.example.com/v1/webhooks/realtimekit"]
