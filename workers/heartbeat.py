"""A file of this very process, touched as long as its loop goes round: what a container's health check looks at.

The timekeeper's key in Redis says that some timekeeper ticks; asking workers over the broker costs seconds of CPU.
"""

from pathlib import Path
from typing import Any

from celery.signals import heartbeat_sent

from orchestrator.log import logger
from workers.app import settings

log = logger(__name__)


def beat(**_: Any) -> None:
    """Touch HEARTBEAT_FILE, where there is one; that it can't be touched stops nobody's work."""
    if not settings.heartbeat_file:
        return
    try:
        Path(settings.heartbeat_file).touch()
    except OSError as error:
        log.warning("no heartbeat", error=str(error))


heartbeat_sent.connect(beat)
"""A worker's main loop sends one every two seconds while it has its broker."""
