"""A file that this process touches as long as its main loop runs, for a container's health check.

The timekeeper's key in Redis only shows that some timekeeper ticks, and asking workers over the broker costs seconds of
CPU.
"""

from typing import Any

from celery.signals import heartbeat_sent

from orchestrator.log import logger
from orchestrator.runtime import alive
from workers.app import settings

log = logger(__name__)


def beat(**_: Any) -> None:
    """Touch HEARTBEAT_FILE, if it is set. A failure is only logged."""
    try:
        alive.touch(settings.heartbeat_file)
    except OSError as error:
        log.warning("no heartbeat", error=str(error))


heartbeat_sent.connect(beat)
"""A worker's main loop sends this signal every two seconds while it is connected to its broker."""
