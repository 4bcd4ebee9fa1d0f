"""`python -m orchestrator.cli.api`: serve the HTTP API."""

import signal
import sys
from types import FrameType

import uvicorn

from orchestrator.cli.failures import Unusable, broker_of, read_settings, told
from orchestrator.runtime.ports import is_free
from orchestrator.settings import Settings

GRACE_SECONDS = 5
"""For requests and streams that are open when it is told to stop."""
KEEP_ALIVE_SECONDS = 75
"""Longer than a proxy before us keeps an idle connection (60 s in nginx and most balancers): it must be the one that
closes it, or it sends a request into a connection that is just being closed."""


def serve(settings: Settings) -> None:
    """Until SIGINT or SIGTERM; the application configures its own logging."""
    signal.signal(signal.SIGTERM, _stopped)  # uvicorn raises the signal again once it has stopped
    uvicorn.run(
        "orchestrator.api.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # no answer depends on the caller's scheme or address, so nobody need be believed
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _stopped(_number: int, _frame: FrameType | None) -> None:
    """Told to stop and stopped is a success."""
    sys.exit(0)


if __name__ == "__main__":
    with told():
        settings = read_settings()
        broker_of(settings)
        if not is_free(settings.host, settings.port):
            raise Unusable(f"port {settings.port} of {settings.host} is in use: set PORT to another")
        serve(settings)
