"""The parts of one worker process: built when the first task or tick needs them, and given back at its end."""

import threading
from typing import Any

from celery.signals import worker_shutdown

from orchestrator import bootstrap
from orchestrator.services.deps import Deps
from workers.app import settings

_lock = threading.Lock()
_built: list[Deps] = []


def deps() -> Deps:
    """This process' parts."""
    with _lock:
        if not _built:
            _built.append(bootstrap.build(settings, pool_size=settings.realtimekit_concurrency + 2))
        return _built[0]


def _send_what_is_left(**_: Any) -> None:
    for built in _built:
        built.leases.close()
        built.broker.close()


worker_shutdown.connect(_send_what_is_left)
