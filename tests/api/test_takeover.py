"""An API process is killed with streams open, and another one continues them without gap or repetition."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from orchestrator.runtime.ports import free_port
from orchestrator.services.deps import Deps
from tests.api.conftest import environment, parts, settings_for
from tests.api.server import OPERATOR, Api, Event, open_stream
from tests.support.logs import say
from tests.support.processes import Process, Processes
from tests.support.sandbox_server import SandboxServer

BEFORE, BETWEEN, AFTER = range(40), range(40, 70), range(70, 90)


class Reader:
    """A reader of broadcasts, who reconnects with the id of the last one."""

    def __init__(self, path: str, token: str, name: str) -> None:
        self._path, self._token, self._name = path, token, name
        self.seen: list[Event] = []

    def open(self, stack: ExitStack, client: httpx.Client, url: str) -> None:
        """Connect, or reconnect."""
        last_event_id = self.seen[-1].id if self.seen else None
        self._stream = stack.enter_context(open_stream(client, url + self._path, self._token, last_event_id))

    def read(self, count: int) -> None:
        """Read until so many broadcasts have been received."""
        while len(self.seen) < count:
            self.seen.append(self._stream.next_named(self._name))

    @property
    def numbers(self) -> list[int]:
        """The numbers that it has been told."""
        return [int(event.data.get("data", event.data)["text"]) for event in self.seen]


@pytest.fixture
def deps(sandbox: SandboxServer, postgres_url: str, broker_url: str, tmp_path: Path) -> Iterator[Deps]:
    """Build parts on PostgreSQL, which several processes can share."""
    with parts(sandbox, tmp_path, database_url=postgres_url, broker_url=broker_url) as built:
        yield built


@pytest.fixture
def doomed(deps: Deps, sandbox: SandboxServer, processes: Processes, tmp_path: Path) -> tuple[Process, str]:
    """Run an API process beside `api`. Returns it and its URL."""
    shared = {"database_url": deps.settings.database_url, "broker_url": deps.settings.broker_url}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment(settings_for(sandbox, tmp_path, **shared)) | {"PORT": str(port)}
    process = processes.breakouts("api", env=env)
    process.wait_for_url(f"{url}/healthz")
    return process, url


def test_streams_go_on_at_another_process(api: Api, deps: Deps, doomed: tuple[Process, str]) -> None:
    process, url = doomed
    meeting = api.meeting("ana")
    breakout = api.breakout(meeting, 202, start="now")["id"]
    readers = [Reader(f"/v1/breakouts/{breakout}/events", OPERATOR, "breakout.broadcast") for _ in range(3)]
    readers.append(Reader("/v1/seat/events", api.token(meeting, "ana"), "broadcast"))
    with httpx.Client(timeout=20, trust_env=False, verify=False) as client:
        with ExitStack() as stack:
            for reader in readers:
                reader.open(stack, client, url)
            say_each(deps, breakout, BEFORE)
            for count, reader in zip((BEFORE.stop, 25, 3, 30), readers, strict=True):
                reader.read(count)
            process.kill()
        say_each(deps, breakout, BETWEEN)
        with ExitStack() as stack:
            for reader in readers:
                reader.open(stack, client, api.url)
            say_each(deps, breakout, AFTER)
            for reader in readers:
                reader.read(AFTER.stop)
    assert [reader.numbers for reader in readers] == [list(range(AFTER.stop))] * len(readers)


def say_each(deps: Deps, breakout_id: str, numbers: range) -> None:
    """Write one broadcast in each of many commits."""
    for number in numbers:
        say(deps.database, breakout_id, str(number))
