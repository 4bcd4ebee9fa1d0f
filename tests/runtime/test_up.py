"""The whole of `breakouts up`: it writes only to its home, runs once per home, and leaves no process behind."""

import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from orchestrator.runtime.ports import LOOPBACK, free_port
from tests.support.processes import Process, Processes, lives
from tests.support.pyproject import VERSION
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

SERVICES = {"broker", "sandbox", "worker", "timekeeper", "api", "flower"}
START_SECONDS = 90

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for orphans in /proc")


def children(process: Process) -> set[int]:
    """Return the child processes that still run."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == process.pid:
            found.add(int(status.parent.name))
    return found


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Make a home and free ports."""
    return {
        "BREAKOUTS_HOME": str(tmp_path / "home"),
        "PORT": str(free_port()),
        "FLOWER_PORT": str(free_port()),
        "COLUMNS": "200",
    }


@pytest.mark.long
def test_up_serves_and_a_second_one_is_refused_and_ctrl_c_stops_all(
    cold_processes: Processes, env: dict[str, str], tmp_path: Path
) -> None:
    up = cold_processes.breakouts("up", "--sandbox", env=env)
    up.wait_for_text("Everything is up", START_SECONDS)
    assert up.output.startswith(f"breakouts {VERSION} starts on Python ")
    key = (tmp_path / "home" / "operator.key").read_text()
    answer = httpx.post(
        f"http://{LOOPBACK}:{env['PORT']}/v1/meetings",
        headers={"Authorization": f"Bearer {key}"},
        json={"title": "Town hall"},
    )
    assert answer.status_code == 201, answer.text
    sandbox = re.search(r"Sandbox +(http://\S+)", up.output)
    assert sandbox
    webhooks = httpx.get(f"{sandbox[1]}/_sandbox/state").json()["webhooks"]
    assert [webhook["url"] for webhook in webhooks] == [f"http://{LOOPBACK}:{env['PORT']}/v1/webhooks/realtimekit"]
    flower = f"http://{LOOPBACK}:{env['FLOWER_PORT']}"
    wait_until(
        lambda: len(httpx.get(f"{flower}/api/workers?refresh=1", timeout=10).json()) == 1,
        20,
        what="the worker in Flower",
    )
    assert httpx.post(f"{flower}/api/worker/shutdown/any").status_code == 403

    other_ports = {"PORT": str(free_port()), "FLOWER_PORT": str(free_port())}
    second = cold_processes.breakouts("up", "--sandbox", env={**env, **other_ports})
    assert second.wait() == 2
    assert f"already runs in {tmp_path / 'home'} (process {up.pid})" in second.output

    started = children(up)
    assert len(started) == len(SERVICES)
    up.send(signal.SIGINT)
    assert up.wait() == 0
    assert not any(lives(pid) for pid in started)
    assert not (tmp_path / "home" / "broker.url").exists()
    assert "Traceback" not in up.output


def test_a_killed_up_leaves_nobody_behind_and_the_next_one_takes_over_with_what_is_set(
    cold_processes: Processes, env: dict[str, str]
) -> None:
    up = cold_processes.breakouts("up", "--sandbox", env=env)
    wait_until(lambda: len(children(up)) == len(SERVICES), START_SECONDS, what="all processes")
    orphans = children(up)
    os.kill(up.pid, signal.SIGKILL)
    wait_until(lambda: not any(lives(pid) for pid in orphans), what="the end of all processes")
    with SandboxServer() as sandbox:
        kit = {"REALTIMEKIT_ACCOUNT_ID": sandbox.account_id, "REALTIMEKIT_APP_ID": sandbox.app_id}
        kit |= {"REALTIMEKIT_BASE_URL": sandbox.base_url, "REALTIMEKIT_API_TOKEN": sandbox.api_token}
        again = cold_processes.breakouts("up", env=env | kit)
        again.wait_for_text("Everything is up", START_SECONDS)
        assert len(children(again)) == len(SERVICES - {"sandbox"})
        assert "PUBLIC_URL is not set" in again.output
        assert again.stop(60) == 0
