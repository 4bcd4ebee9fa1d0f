"""The command lines of our processes, as `breakouts …` and `breakouts up` run them."""

import os
import secrets
import sys
from collections.abc import Sequence
from typing import NoReturn

from orchestrator.runtime.environment import Changes, environment
from orchestrator.runtime.ports import LOOPBACK
from orchestrator.settings import Settings
from schemas.tasks import Queue

CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "workers.app")
SANDBOX = (sys.executable, "-m", "orchestrator.cli.sandbox")
DEMO = (sys.executable, "-m", "orchestrator.cli.demo")
WEBHOOKS = (sys.executable, "-m", "orchestrator.cli.webhooks")
QUEUES = [queue.value for queue in Queue]
FLOWER_COLUMNS = "name,state,args,kwargs,result,received,runtime,worker"
LOOPBACKS = (LOOPBACK, "localhost", "::1")
WEBHOOK_LATER = "tried again in"
"""What `webhooks` says when it has not worked yet and it goes on trying."""


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
        f"--queues={','.join(queues or QUEUES)}",
        f"--loglevel={settings.log_level}",
        "--task-events",
        "--without-gossip",
        "--without-mingle",
    ]


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


def flower_env(settings: Settings) -> Changes:
    """Who may use Flower; in the environment, because everyone on the machine can read a command line.

    Without a password Flower's API answers 401, except on loopback, where we open it for reading: Flower lets pages of
    any origin call an open API, and they must not be able to stop workers. An empty password is none (Flower itself
    would take it for one that nobody knows).
    """
    if password := settings.flower_basic_auth.get_secret_value():
        return {"FLOWER_BASIC_AUTH": password}
    if settings.flower_host in LOOPBACKS:
        return {"FLOWER_BASIC_AUTH": None, "FLOWER_UNAUTHENTICATED_API": "true", "FLOWER_READ_ONLY": "true"}
    return {"FLOWER_BASIC_AUTH": None}


def api() -> list[str]:
    """The HTTP API, with host and port from the settings."""
    return [sys.executable, "-m", "orchestrator.cli.api"]


def sandbox(port: int) -> list[str]:
    """The sandbox on loopback."""
    return [*SANDBOX, "--port", str(port)]


def migrate() -> list[str]:
    """The migrations; ends when they are done."""
    return [sys.executable, "-m", "orchestrator.cli.migrate"]


def webhooks(*, keep_trying: bool) -> list[str]:
    """The registration of our webhook at RealtimeKit; ends when it is there."""
    return [*WEBHOOKS, *(["--keep-trying"] if keep_trying else [])]


def replace(command: Sequence[str], changes: Changes | None = None) -> NoReturn:
    """Become that command: signals and exit codes need no passing on."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], list(command), environment(changes or {}))  # noqa: S606 - ours, word by word, no shell
