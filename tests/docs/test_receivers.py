"""The receivers of docs/webhooks.md hear real deliveries, once each, and refuse what is not signed."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from orchestrator.runtime.ports import free_port
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks import endpoints
from tests.api.conftest import parts
from tests.docs.pages import RECEIVER, Block, page
from tests.services.outgoing import Outgoing
from tests.support.databases import SQLiteTemplate
from tests.support.processes import Processes
from tests.support.sandbox_server import SandboxServer
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

RECEIVERS = [block for block in page("docs/webhooks.md").blocks if block.way == RECEIVER]
PROGRAMS = {"python": [sys.executable, "receiver"], "js": ["node", "receiver.mjs"]}


@pytest.fixture(scope="module")
def built(
    sqlite_template: SQLiteTemplate, valkey_of_session: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deps]:
    """Build the parts that deliver."""
    home = tmp_path_factory.mktemp("receivers")
    urls = {"database_url": sqlite_template.copy_to(home / "breakouts.db"), "broker_url": valkey_of_session.url}
    with SandboxServer() as sandbox, parts(sandbox, home, webhook_allow_private=True, **urls) as made:
        yield made


def _answers(url: str) -> bool:
    try:
        return httpx.post(url, content=b"{}", headers={"webhook-id": "1"}).status_code == 401
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("block", RECEIVERS, ids=lambda block: block.language)
def test_a_receiver_of_twenty_lines_hears_each_delivery_once(
    built: Deps, processes: Processes, tmp_path: Path, block: Block
) -> None:
    if shutil.which(PROGRAMS[block.language][0]) is None:
        pytest.skip("the receiver in JavaScript was not tried, because there is no node")
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 20
    program, file = PROGRAMS[block.language]
    (tmp_path / file).write_text(block.text)
    told, port = Outgoing(built), free_port()
    url = f"http://127.0.0.1:{port}/hook"
    made = told.endpoint(url)
    env = {"WEBHOOK_SECRET": made.secret, "PORT": str(port)}
    receiver = processes.start([program, file], env=env, cwd=tmp_path)
    wait_until(lambda: _answers(url), what="a receiver that refuses what is not signed")
    told.say(told.breakout(), "first", "second")
    told.rest(made.endpoint_id)
    assert told.states(made.endpoint_id) == ["delivered", "delivered"]
    endpoints.redeliver(built, made.endpoint_id, told.deliveries(made.endpoint_id)[0].id)
    told.rest(made.endpoint_id)
    assert told.deliveries(made.endpoint_id)[0].attempts == 2
    endpoints.rotate(built, made.endpoint_id)
    endpoints.ping(built, made.endpoint_id)
    told.rest(made.endpoint_id)
    receiver.wait_for_text("ping", 10)
    assert (receiver.output.count("first"), receiver.output.count("second")) == (1, 1)


def test_there_is_one_in_python_and_one_in_javascript() -> None:
    assert [block.language for block in RECEIVERS] == ["python", "js"]
