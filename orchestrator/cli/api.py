"""`python -m orchestrator.cli.api`: serve the HTTP API."""

import signal
import sys
from types import FrameType

import uvicorn

from orchestrator.cli.failures import errors_as_messages
from orchestrator.process_settings import Process, read
from orchestrator.runtime import ports
from orchestrator.settings import Settings

GRACE_SECONDS = 5
"""How long open requests and streams may go on after a stop signal."""
KEEP_ALIVE_SECONDS = 75
"""Longer than a proxy keeps an idle connection (60 s in nginx and most balancers).

The proxy must be the one that closes it; otherwise it may send a request into a connection that is just being closed.
"""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. The application configures its own logging."""
    signal.signal(signal.SIGTERM, _stopped)  # uvicorn raises the signal again once it has stopped
    uvicorn.run(
        "orchestrator.api.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        http="orchestrator.api.heads:BoundedHeads",
        log_config=None,
        access_log=False,
        forwarded_allow_ips=settings.forwarded_allow_ips,  # by the address wrong keys are slowed down
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _stopped(_number: int, _frame: FrameType | None) -> None:
    """Exit with 0, because a requested stop is a success."""
    sys.exit(0)


if __name__ == "__main__":
    with errors_as_messages():
        settings = read(Process.API)
        ports.check(settings.host, settings.port, host_from="HOST", port_from="PORT")
        serve(settings)
