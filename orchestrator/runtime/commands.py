"""The command lines of our processes, as `breakouts …` and `breakouts up` run them."""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence

from orchestrator.runtime.ports import LOOPBACK
from orchestrator.settings import Settings
from schemas.tasks import Queue

CELERY = (sys.executable, "-m", "celery", "-A", "workers.app")
BREAKOUTS = (sys.executable, "-m", "orchestrator.cli")
FLOWER_COLUMNS = "name,state,args,kwargs,result,received,runtime,worker"
LOOPBACKS = (LOOPBACK, "localhost", "::1")


def worker(
    settings: Settings, *, queues: Sequence[str] = (), concurrency: int | None = None, name: str | None = None
) -> list[str]:
    """A worker on the threads pool; its node name is unique, so that several run on one host."""
    node = name or f"worker-{secrets.token_hex(3)}"
    return [
        *CELERY,
        "worker",
        "--pool=threads",
        f"--concurrency={concurrency or settings.realtimekit_concurrency}",
        f"--hostname={node if '@' in node else node + '@%h'}",
        f"--queues={','.join(queues or [queue.value for queue in Queue])}",
        f"--loglevel={settings.log_level}",
        "--task-events",
        "--without-gossip",
        "--without-mingle",
    ]


def worker_env() -> dict[str, str]:
    """SIGTERM gives running tasks a bounded time and puts the rest back: Celery's soft shutdown, known as SIGQUIT."""
    return {"REMAP_SIGTERM": "SIGQUIT"}


def timekeeper(settings: Settings) -> list[str]:
    """Celery beat with our scheduler, which keeps its times in the database and no file."""
    return [*CELERY, "beat", f"--loglevel={settings.log_level}"]


def flower(settings: Settings) -> list[str]:
    """Flower, remembering what it saw under BREAKOUTS_HOME."""
    return [
        *CELERY,
        "flower",
        f"--address={settings.flower_host}",
        f"--port={settings.flower_port}",
        "--persistent=True",
        f"--db={settings.home / 'flower.db'}",
        "--state_save_interval=5000",
        "--purge_offline_workers=60",
        "--natural_time=True",
        f"--tasks_columns={FLOWER_COLUMNS}",
        f"--logging={settings.log_level.lower()}",
    ]


def flower_env(settings: Settings) -> dict[str, str]:
    """Who may use Flower; in the environment, because everyone on the machine can read a command line.

    Without a password Flower's API answers 401, except on loopback, where we open it for reading: Flower lets pages of
    any origin call an open API, and they must not be able to stop workers.
    """
    if password := settings.flower_basic_auth.get_secret_value():
        return {"FLOWER_BASIC_AUTH": password}
    if settings.flower_host in LOOPBACKS:
        return {"FLOWER_UNAUTHENTICATED_API": "true", "FLOWER_READ_ONLY": "true"}
    return {}


def api() -> list[str]:
    """The HTTP API, with host and port from the settings."""
    return [*BREAKOUTS, "api"]


def sandbox(port: int) -> list[str]:
    """The sandbox on loopback."""
    return [*BREAKOUTS, "sandbox", "--port", str(port)]


def replace(command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Become that command: signals and exit codes need no passing on; does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], list(command), {**os.environ, **(env or {})})  # noqa: S606 - ours, word by word, no shell
