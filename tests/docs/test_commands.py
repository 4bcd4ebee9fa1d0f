"""Every command of the pages runs: all pages on one system, which is started as README.md says."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from orchestrator.cli.doctor.__main__ import CHECKS
from orchestrator.runtime.ports import free_port
from tests.docs import names, terminal
from tests.docs.pages import BESIDE_UP, DEPLOYED, pages
from tests.support import door, warm
from tests.support.processes import Process, Processes
from tests.support.waiting import wait_until

QUICK = {"RETURN_GRACE_SECONDS": "1", "LOOK_AGAIN_SECONDS": "1", "SYNC_SECONDS": "1", "WEBHOOK_ALLOW_PRIVATE": "true"}
START_SECONDS = 90


@pytest.fixture
def env() -> dict[str, str]:
    """Choose free ports, and seconds for what takes minutes in production."""
    ports = {name: str(free_port()) for name in ("PORT", "FLOWER_PORT", "METRICS_PORT")}
    return {**QUICK, **ports, "COLUMNS": "200"}


@pytest.fixture
def up(processes: Processes, env: dict[str, str], tmp_path: Path) -> Process:
    """Start `breakouts up --sandbox` in an empty folder."""
    process = processes.breakouts("up", "--sandbox", env=env, cwd=tmp_path)
    process.wait_for_text("Everything is up", START_SECONDS)
    return process


@pytest.fixture
def deployed(up: Process, env: dict[str, str]) -> dict[str, str]:
    """Return the servers' environment, which otherwise only the processes of `up` have."""
    sandbox = re.search(r"Sandbox +(http://\S+)", up.output)
    assert sandbox
    names = ("REALTIMEKIT_ACCOUNT_ID", "REALTIMEKIT_APP_ID", "REALTIMEKIT_API_TOKEN")
    return (
        env
        | dict.fromkeys(names, "sandbox")
        | {
            "REALTIMEKIT_BASE_URL": f"{sandbox[1]}/client/v4",
            "REALTIMEKIT_WEBHOOK_KEYS_URL": f"{sandbox[1]}/.well-known/webhooks.json",
            "PUBLIC_URL": f"http://127.0.0.1:{env['PORT']}",
        }
    )


@pytest.fixture
def starts(processes: Processes, tmp_path: Path) -> list[str]:
    """Return the words before `-m MODULE …` that start our commands: warm, where that is possible."""
    path, serves = tmp_path / "door", [sys.executable, "-m", "tests.support.door"]
    if not warm.takes(serves, {}):
        return [sys.executable]
    served = processes.start([*serves, str(path)], {})
    wait_until(lambda: path.exists() or not served.alive, what="the door")
    return door.client(str(path))


@pytest.mark.long
@pytest.mark.timeout(480)
def test_every_command_does_what_it_should(
    env: dict[str, str], deployed: dict[str, str], starts: list[str], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as beside:
        of_servers = [page.to_run(DEPLOYED) for page in pages()]
        said = beside.submit(terminal.run_once_each, of_servers, tmp_path, deployed, int(env["PORT"]), starts=starts)
        for page in pages():
            if blocks := page.to_run(BESIDE_UP):
                terminal.run(blocks, tmp_path, env, int(env["PORT"]), int(env["FLOWER_PORT"]), starts=starts)
    assert_all_is_well(said.result())
    scraped = [httpx.get(f"http://127.0.0.1:{env[port]}/metrics").text for port in ("PORT", "METRICS_PORT")]
    shown = names.families("\n".join(scraped))
    named = {metric for page in pages() for metric in names.metrics(page.text)}
    assert named == {name for name in shown if name.startswith("breakouts_")}


def assert_all_is_well(said: str) -> None:
    """Check that the doctor found everything well."""
    verdicts = re.findall(r"^(ok|warning|failed) .*", said, re.MULTILINE)
    assert len(verdicts) >= len(CHECKS)
    assert set(verdicts) == {"ok"}, said
    assert '{"ok": true,' in said
