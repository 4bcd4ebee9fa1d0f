"""Starting, resetting and stopping the sandbox."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest

from orchestrator.cli import api
from orchestrator.sandbox import server
from orchestrator.sandbox.world.config import SandboxConfig, Switches
from tests.sandbox.kit import Kit
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

SERVE = """
import sys
from orchestrator.sandbox.world.config import SandboxConfig
from orchestrator.sandbox.server import serve
serve(SandboxConfig.model_validate_json(sys.argv[1]), "127.0.0.1", int(sys.argv[2]))
"""
AIOHTTP_KEEPS_SECONDS, NGINX_KEEPS_SECONDS = 15, 60
"""How long these keep an idle connection unless they are told otherwise."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_serve_runs_from_a_json_configuration_and_ends_on_sigterm() -> None:
    port = free_port()
    config = SandboxConfig(switches=Switches(search_matches="exact")).model_dump_json()
    with subprocess.Popen([sys.executable, "-c", SERVE, config, str(port)]) as process:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/_sandbox/state"))
            switches = httpx.get(f"http://127.0.0.1:{port}/_sandbox/switches").json()
            assert switches["search_matches"] == "exact"
            process.send_signal(signal.SIGTERM)
            assert process.wait() in {0, -signal.SIGTERM}
        finally:
            process.kill()


def test_reset_restores_the_empty_sandbox_and_its_settings(kit: Kit) -> None:
    new = kit.sandbox.state()
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    kit.record(meeting_id)
    kit.sandbox.switches(nameless_can_join=True)
    kit.sandbox.latency(1)
    kit.sandbox.faults({"kind": "error_before", "times": None})
    kit.sandbox.reset()
    assert kit.sandbox.state() == new
    assert kit.sandbox.switches()["nameless_can_join"] is False
    kit.meeting()
    assert kit.sandbox.calls()["total"] == 1


def test_two_sandboxes_share_nothing() -> None:
    config = SandboxConfig()
    with SandboxServer(config) as one, SandboxServer(config) as other:
        one.switches(inactive_ejects=True)
        Kit(one).meeting()
        assert other.state()["meetings"] == []
        assert other.switches()["inactive_ejects"] is False
        assert config.switches.inactive_ejects is False


def test_download_links_point_to_the_public_address() -> None:
    with SandboxServer(SandboxConfig(public_url="https://sandbox.example")) as sandbox:
        sandbox.timings(recording_starts_after=0, recording_uploads_after=0)
        kit = Kit(sandbox)
        meeting_id = kit.meeting()
        kit.joined(meeting_id)
        recording_id = kit.record(meeting_id)["id"]
        kit.stop(recording_id)
        wait_until(lambda: kit.recording(recording_id)["status"] == "UPLOADED")
        assert kit.data["download_url"] == f"https://sandbox.example/_files/{recording_id}.mp4"
        assert kit.plain.get(f"{sandbox.root}/_files/{recording_id}.mp4").status_code == 200
        assert kit.plain.get(f"{sandbox.root}/_files/unknown.mp4").status_code == 404


def test_an_unknown_path_of_the_control_api_is_404_and_a_malformed_body_400(kit: Kit) -> None:
    assert kit.plain.get(f"{kit.sandbox.root}/_sandbox/no-such-path").status_code == 404
    assert kit.plain.post(f"{kit.sandbox.root}/_sandbox/join", content=b"{").status_code == 400


@pytest.mark.parametrize("kept", [server.KEEP_ALIVE_SECONDS, api.KEEP_ALIVE_SECONDS], ids=["sandbox", "api"])
def test_an_idle_connection_is_closed_by_the_client(kept: float) -> None:
    of_clients = [httpx.Limits().keepalive_expiry or 0, AIOHTTP_KEEPS_SECONDS, NGINX_KEEPS_SECONDS]
    assert kept > max(of_clients)
