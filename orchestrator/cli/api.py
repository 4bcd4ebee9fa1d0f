"""`python -m orchestrator.cli.api`: serve the HTTP API."""

import uvicorn

from orchestrator.cli.failures import Unusable, broker_of, read_settings, told
from orchestrator.runtime.ports import is_free
from orchestrator.settings import Settings

GRACE_SECONDS = 5
"""For requests and streams that are open when it is told to stop."""


def serve(settings: Settings) -> None:
    """Until SIGINT or SIGTERM; the application configures its own logging."""
    uvicorn.run(
        "orchestrator.api.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    with told():
        settings = read_settings()
        broker_of(settings)
        if not is_free(settings.host, settings.port):
            raise Unusable(f"port {settings.port} of {settings.host} is in use: set PORT to another")
        serve(settings)
