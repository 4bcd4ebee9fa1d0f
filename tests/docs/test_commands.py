"""Whatever README.md and docs/ tell a reader to run, run: all pages on one system, started as README.md says."""

from pathlib import Path

import httpx
import pytest

from orchestrator.runtime.ports import free_port
from tests.docs import names, terminal
from tests.docs.pages import pages
from tests.support.processes import Process, Processes

QUICK = {"RETURN_GRACE_SECONDS": "1", "LOOK_AGAIN_SECONDS": "1", "SYNC_SECONDS": "1"}
START_SECONDS = 90


@pytest.fixture
def env() -> dict[str, str]:
    """Free ports, and what takes minutes in production takes seconds."""
    ports = {name: str(free_port()) for name in ("PORT", "FLOWER_PORT", "METRICS_PORT")}
    return {**QUICK, **ports, "COLUMNS": "200"}


@pytest.fixture
def up(processes: Processes, env: dict[str, str], tmp_path: Path) -> Process:
    """`breakouts up --sandbox` in an empty folder."""
    process = processes.breakouts("up", "--sandbox", env=env, cwd=tmp_path)
    process.wait_for_text("Everything is up", START_SECONDS)
    return process


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("up")
def test_every_command_does_what_it_should(env: dict[str, str], tmp_path: Path) -> None:
    for page in pages():
        blocks = [block for block in page.blocks if block.runs]
        if blocks:
            terminal.run(blocks, tmp_path, env, int(env["PORT"]), int(env["FLOWER_PORT"]))
    scraped = [httpx.get(f"http://127.0.0.1:{env[port]}/metrics").text for port in ("PORT", "METRICS_PORT")]
    shown = names.families("\n".join(scraped))
    named = {metric for page in pages() for metric in names.metrics(page.text)}
    assert named == {name for name in shown if name.startswith("breakouts_")}
