"""A broker for tests: the one that `breakouts up` embeds, in a folder of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.runtime.broker import EmbeddedBroker, prepare
from tests.support.processes import Process
from tests.support.waiting import wait_until


class Valkey:
    """A running server; `url` stays the same over `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._broker: EmbeddedBroker = prepare(folder)
        self.url = self._broker.url
        self.start()

    def start(self) -> None:
        """Start it, or start it again with the content of its append-only file."""
        self.process = Process(self._broker.command, self._folder / "valkey.log", {})
        wait_until(lambda: self._broker.answers() or not self.process.alive, what="the broker's answer")
        assert self.process.alive, self.process.output

    def kill(self) -> None:
        """Kill it by SIGKILL."""
        self.process.kill()

    def forget(self) -> None:
        """Delete the content of a killed server, so that it starts empty."""
        shutil.rmtree(self._folder / "broker" / "appendonlydir")


@contextmanager
def valkey_in(folder: Path) -> Iterator[Valkey]:
    """Run a server inside the block."""
    server = Valkey(folder)
    try:
        yield server
    finally:
        server.kill()
