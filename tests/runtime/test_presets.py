"""`breakouts presets create` makes what RealtimeKit lacks, changes nothing else, and says what does not fit."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.processes import Processes
from tests.support.sandbox_server import SandboxServer


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Run a sandbox."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def env(sandbox: SandboxServer, broker_url: str, sqlite_url: str) -> dict[str, str]:
    """Return the settings of a deployment whose app was made over the API, so that it has no presets."""
    for preset in rest(sandbox, "GET", "presets"):
        rest(sandbox, "DELETE", f"presets/{preset['id']}")
    return {
        "DATABASE_URL": sqlite_url,
        "BROKER_URL": broker_url,
        "REALTIMEKIT_BASE_URL": sandbox.base_url,
        "REALTIMEKIT_ACCOUNT_ID": sandbox.account_id,
        "REALTIMEKIT_APP_ID": sandbox.app_id,
        "REALTIMEKIT_API_TOKEN": sandbox.api_token,
    }


def rest(sandbox: SandboxServer, method: str, path: str, body: Any = None) -> Any:
    """Call RealtimeKit as the owner of the app."""
    url = f"{sandbox.base_url}/accounts/{sandbox.account_id}/realtime/kit/{sandbox.app_id}/{path}"
    answer = httpx.request(method, url, json=body, headers={"Authorization": "Bearer x"}, trust_env=False)
    return answer.raise_for_status().json()["data"]


def create(processes: Processes, env: dict[str, str], *arguments: str, code: int = 0) -> str:
    """Run `breakouts presets create`, which must end with this code, and return what it printed."""
    command = processes.breakouts("presets", "create", *arguments, env=env)
    assert command.wait() == code, command.output
    return command.output


def test_both_presets_are_made_once_and_fit(processes: Processes, sandbox: SandboxServer, env: dict[str, str]) -> None:
    said = create(processes, env)
    assert "group_call_host (host) was made" in said
    assert "group_call_participant (participant) was made" in said
    made = rest(sandbox, "GET", "presets")
    again = json.loads(create(processes, env, "--json").splitlines()[-1])
    assert [(preset["made"], preset["faults"]) for preset in again] == [(False, []), (False, [])]
    assert rest(sandbox, "GET", "presets") == made
    permissions = {it["name"]: rest(sandbox, "GET", f"presets/{it['id']}")["permissions"] for it in made}
    switches = {name: it["connected_meetings"]["can_alter_connected_meetings"] for name, it in permissions.items()}
    assert switches == {"group_call_host": True, "group_call_participant": False}
    assert {it["waiting_room_type"] for it in permissions.values()} == {"SKIP"}


def test_a_create_without_an_answer_is_safe_to_repeat(
    processes: Processes, sandbox: SandboxServer, env: dict[str, str]
) -> None:
    sandbox.faults({"operation": "create_preset", "kind": "error_after", "times": 1})
    create(processes, env, code=2)
    assert "group_call_host (host) was there before" in create(processes, env)
    assert sorted(it["name"] for it in rest(sandbox, "GET", "presets")) == ["group_call_host", "group_call_participant"]


def test_a_preset_that_is_there_stays_and_what_it_lacks_is_said(
    processes: Processes, sandbox: SandboxServer, env: dict[str, str]
) -> None:
    create(processes, env, "--host", "chair", "--participant", "guest")
    said = create(processes, env, "--host", "guest", "--participant", "chair", code=1)
    assert "guest (host) was there before; it lacks can_alter_connected_meetings" in said
    assert "chair (participant) was there before; it has can_alter_connected_meetings" in said
    assert len(rest(sandbox, "GET", "presets")) == 2
