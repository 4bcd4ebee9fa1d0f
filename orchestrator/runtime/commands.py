"""The command lines of our processes, as `breakouts …` and `breakouts up` run them."""

import os
import secrets
import sys
from collections.abc import Sequence
from typing import NoReturn

from orchestrator.settings import Settings
from schemas.tasks import Queue

CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "workers.app")
SANDBOX = (sys.executable, "-m", "orchestrator.cli.sandbox")
DEMO = (sys.executable, "-m", "orchestrator.cli.demo")
DAILY = (sys.executable, "-m", "orchestrator.cli.daily")
DOCTOR = (sys.executable, "-m", "orchestrator.cli.doctor")
KEYS = (sys.executable, "-m", "orchestrator.cli.keys")
SWEEP = (sys.executable, "-m", "orchestrator.cli.sweep")
PRESETS = (sys.executable, "-m", "orchestrator.cli.presets")
WEBHOOKS = (sys.executable, "-m", "orchestrator.cli.webhooks")
QUEUES = [queue.value for queue in Queue]
WEBHOOK_LATER = "tried again in"
"""What `webhooks --keep-trying` prints after a failed attempt."""
ONLY_HELP = "And delete all others at PUBLIC_URL, whoever made them, and this deployment's at other addresses."


def worker(
    settings: Settings, *, queues: Sequence[str] = (), concurrency: int | None = None, name: str | None = None
) -> list[str]:
    """Run a worker on the threads pool, by default with a unique node name, so that several can run on one host."""
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
    """Run Celery beat with our scheduler, which keeps its times in the database, not in a file."""
    return [*CELERY, "beat", f"--loglevel={settings.log_level}"]


def flower() -> list[str]:
    """Run Flower; the application that it loads configures it (workers/flower_settings.py)."""
    return [*CELERY, "flower"]


def api() -> list[str]:
    """Run the HTTP API, with host and port from the settings."""
    return [sys.executable, "-m", "orchestrator.cli.api"]


def sandbox(port: int) -> list[str]:
    """Run the sandbox on loopback."""
    return [*SANDBOX, "--port", str(port)]


def migrate() -> list[str]:
    """Migrate the database, and end."""
    return [sys.executable, "-m", "orchestrator.cli.migrate"]


def webhooks(*, keep_trying: bool, only: bool = False) -> list[str]:
    """Register our webhook at RealtimeKit, and end."""
    return [*WEBHOOKS, *(["--keep-trying"] if keep_trying else []), *(["--only"] if only else [])]


def replace(command: Sequence[str]) -> NoReturn:
    """Replace this process by the command, so that signals and exit codes need no forwarding."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], list(command))  # noqa: S606 - ours, word by word, no shell
