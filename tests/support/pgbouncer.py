"""A real PgBouncer in transaction mode before a database, where its binary is installed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.runtime.ports import LOOPBACK, free_port
from tests.support.postgres import as_nobody
from tests.support.processes import Process
from tests.support.waiting import wait_until

BINARY = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(BINARY is None, reason="pgbouncer is not installed (apt-get install pgbouncer)")

SETTINGS = """\
[databases]
{dbname} = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
server_round_robin = 1
server_login_retry = 1
unix_socket_dir =
"""
"""With `server_round_robin` each transaction gets another session, so that whatever needs one breaks at once."""


@contextmanager
def pgbouncer(url: str, *, servers: int = 4) -> Iterator[str]:
    """Run one inside the block, with so many sessions of the server, and give the URL of the database behind it."""
    assert BINARY is not None
    behind, own_port = conninfo_to_dict(url), free_port()
    folder = Path(tempfile.mkdtemp(prefix="breakouts-pgbouncer-"))
    folder.chmod(0o755)
    file = folder / "pgbouncer.ini"
    file.write_text(SETTINGS.format(**behind, own_port=own_port, servers=servers))
    process = Process(as_nobody([BINARY, str(file)]), folder / "pgbouncer.log", {}, cwd=folder, watch=os.geteuid() == 0)
    pooled = f"postgresql://{behind['user']}@{LOOPBACK}:{own_port}/{behind['dbname']}"
    try:
        wait_until(lambda: _answers(pooled) or not process.alive, what="PgBouncer's answer")
        assert process.alive, process.output
        yield pooled
    finally:
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=2):
        return True
    return False
