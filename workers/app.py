"""The Celery application: `celery -A workers.app worker|beat|flower`."""

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from orchestrator.log import configure
from orchestrator.settings import Settings
from orchestrator.store.broker import celery_settings

settings = Settings()
app = Celery("breakouts", include=["workers.tasks", "workers.heartbeat"])
app.conf.update(
    celery_settings(settings.broker),
    beat_scheduler="workers.timekeeper:Timekeeper",
    beat_max_loop_interval=1,
    worker_pool="threads",
    worker_concurrency=settings.realtimekit_concurrency,
)


def _configure_logging(**_: Any) -> None:
    """Our logs instead of Celery's."""
    configure(settings.log_level, settings.log_json)


setup_logging.connect(_configure_logging)
