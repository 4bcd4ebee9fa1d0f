"""The Celery application: `celery -A workers.app worker|beat|flower`."""

from typing import Any

import click
from celery import Celery
from celery.signals import setup_logging

from orchestrator.log import announce, configure
from orchestrator.settings import Settings
from orchestrator.store.broker import celery_settings
from workers.flower_settings import set_flower

PROCESSES = {"worker": "worker", "beat": "timekeeper", "flower": "flower"}
"""Celery's commands that stay up, and what their processes are called here."""


def _announce() -> None:
    """Log the start of a process that stays up; `celery -A workers.app inspect` and the like pass without a line."""
    context = click.get_current_context(silent=True)
    command = context.invoked_subcommand if context else None
    if command in PROCESSES:
        announce(PROCESSES[command])


settings = Settings()
configure(settings.log_level, settings.log_json)  # now: Flower sends no signal, and keeps a handler that it finds
_announce()
set_flower(settings)
app = Celery("breakouts", include=["workers.tasks", "workers.task_lines", "workers.exposition", "workers.heartbeat"])
app.conf.update(
    celery_settings(settings.broker),
    beat_scheduler="workers.timekeeper:Timekeeper",
    beat_max_loop_interval=1,
    worker_pool="threads",
    worker_concurrency=settings.realtimekit_concurrency,
)


def _keep_ours(**_: Any) -> None:
    """Keep our logging. Celery sets up none of its own when a receiver is connected to this signal."""


setup_logging.connect(_keep_ours)
