"""The Celery application: `celery -A workers.app worker|beat|flower`."""

import importlib
import sys
from functools import cache
from typing import Any

import click
from celery import Celery
from celery.signals import setup_logging

from orchestrator.broker_address import parsed
from orchestrator.errors import Unusable
from orchestrator.log import announce, configure
from orchestrator.process_settings import Process, read
from orchestrator.runtime import ports
from orchestrator.settings import Settings
from orchestrator.store.broker import celery_settings
from orchestrator.store.keys import Keys
from workers.flower_settings import set_flower
from workers.identity import ask_for_keys, wait_for_keys

PROCESSES = {"worker": Process.WORKER, "beat": Process.TIMEKEEPER, "flower": Process.FLOWER}
"""Celery's commands that stay up, and what their processes are called here."""


def _command() -> str | None:
    """Return which of Celery's commands this process is; None outside of Celery's command line."""
    context = click.get_current_context(silent=True)
    return context.find_root().invoked_subcommand if context else None


def _announce() -> None:
    """Log the start of a process that stays up; `celery -A workers.app inspect` and the like pass without a line."""
    if command := PROCESSES.get(_command() or ""):
        announce(command)


def _read() -> Settings:
    """Read the settings of this process. Exits with a sentence, because Celery would show any error's traceback."""
    process = PROCESSES.get(_command() or "")
    try:
        found = read(process or Process.WORKER)
        if process is not None:
            _check_address(process, found)
        set_flower(found)
    except Unusable as error:
        sys.stderr.write(f"breakouts: {error}\n")
        sys.exit(error.exit_code)
    return found


def _check_address(process: Process, given: Settings) -> None:
    """Check where a process will listen. Any port of METRICS_HOST does, because the next that is free is taken."""
    if process is Process.FLOWER:
        ports.check(given.flower_host, given.flower_port, host_from="FLOWER_HOST", port_from="FLOWER_PORT")
    elif given.metrics_port:
        ports.check(given.metrics_host, 0, host_from="METRICS_HOST", port_from="METRICS_PORT")


settings = _read()
configure(settings.log_level, settings.log_json)  # now: Flower sends no signal, and keeps a handler that it finds
_announce()
broker_url = settings.broker
if _command() == "flower":
    importlib.import_module("workers.flower_broker").use(parsed(broker_url))
app = Celery("breakouts", include=["workers.tasks", "workers.task_lines", "workers.exposition", "workers.heartbeat"])
app.conf.update(
    beat_scheduler="workers.timekeeper:Timekeeper",
    beat_max_loop_interval=1,
    worker_pool="threads",
    worker_consumer="workers.consumer:PatientConsumer",
    worker_concurrency=settings.realtimekit_concurrency,
)


@cache
def keys() -> Keys:
    """Return the deployment's names in Redis. A process that stays up waits for the database that has them."""
    return wait_for_keys(settings) if _command() in PROCESSES else ask_for_keys(settings)


app.add_defaults(lambda: celery_settings(broker_url, keys()))  # called once, when Celery first needs a setting


def _keep_ours(**_: Any) -> None:
    """Keep our logging. Celery sets up none of its own when a receiver is connected to this signal."""


setup_logging.connect(_keep_ours)
