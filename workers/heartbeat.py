"""A file that this process touches as long as its main loop runs, for a container's health check.

The timekeeper's key in Redis only shows that some timekeeper ticks, and asking workers over the broker costs seconds of
CPU.
"""

from pathlib import Path
from typing import Any

from celery.signals import heartbeat_sent

from orchestrator.log import logger
from workers.app import settings

log = logger(__name__)


def beat(**_: Any) -> None:
    """Touch HEARTBEAT_FILE, if it is set. A failure is only logged."""
    if not settings.heartbeat_file:
        return
    try:
        Path(settings.heartbeat_file).touch()
    except OSError as error:
        log.warning("no heartbeat", error=str(error))


heartbeat_sent.connect(beat)
"""A worker's main loop sends this signal every two seconds while it is connected to its broker."""
