"""Signs of life: a file for a container's health check, and keys in Redis for `/readyz`.

The keys only show that some timekeeper ticks and that some worker serves each queue. Asking workers over the broker
costs seconds of CPU.
"""

from typing import Any

from celery.signals import heartbeat_sent, worker_ready

from orchestrator.log import logger
from orchestrator.runtime import alive
from schemas.tasks import Queue
from workers.app import app, settings
from workers.process import deps

log = logger(__name__)


def beat(**_: Any) -> None:
    """Touch HEARTBEAT_FILE, if it is set. A failure is only logged."""
    try:
        alive.touch(settings.heartbeat_file)
    except OSError as error:
        log.warning("no heartbeat", error=str(error))


def _serve(**_: Any) -> None:
    deps().broker.note_served(map(Queue, app.amqp.queues.consume_from))


heartbeat_sent.connect(beat)
heartbeat_sent.connect(_serve)
worker_ready.connect(_serve)
"""A worker's main loop sends the first signal every two seconds while it is connected to its broker."""
