"""The metrics of a worker or a timekeeper, on a port of its own."""

import errno
from typing import Any

from celery.signals import beat_init, worker_init
from prometheus_client import start_http_server
from prometheus_client.exposition import ThreadingWSGIServer

from orchestrator.log import logger
from orchestrator.settings import Settings
from workers.app import settings

log = logger(__name__)

MOST_PORTS = 32
"""How many ports are tried one by one, because several processes of a host have the same settings."""

ThreadingWSGIServer.allow_reuse_port = False  # else, since Python 3.12.5, two processes may listen on one port


def serve(given: Settings) -> int | None:
    """Serve the metrics and return their port; None when they are switched off, or there is no port for them."""
    if not given.metrics_port:
        return None
    for port in range(given.metrics_port, min(given.metrics_port + MOST_PORTS, 65536)):
        try:
            start_http_server(port, given.metrics_host)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            log.warning("no metrics", host=given.metrics_host, port=port, error=error.strerror)
            return None
        log.info("metrics are served", host=given.metrics_host, port=port)
        return port
    log.warning("no port is free for metrics", host=given.metrics_host, first=given.metrics_port)
    return None


def _serve(**_: Any) -> None:
    serve(settings)


worker_init.connect(_serve)
beat_init.connect(_serve)
