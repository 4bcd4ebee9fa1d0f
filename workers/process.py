"""The parts of one worker process: built when the first task or tick needs them, and closed at its end."""

import sys
import threading
from typing import Any

from celery.signals import worker_ready, worker_shutdown, worker_shutting_down

from orchestrator import bootstrap
from orchestrator.runtime import memory
from orchestrator.services.deps import Deps
from schemas.tasks import TIMELY
from workers.app import app, keys, settings
from workers.flower import Teller

SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter while others want it.

With Python's 5 ms, a thread waits that long after each database statement while the event loop computes, and opening
100 rooms took three times as long (measured).
"""

LAST_DELIVERIES_SECONDS = 3.0
"""How long a process that ends waits for the answers to its last deliveries. What is not recorded is sent again."""

_lock = threading.Lock()
_built: list[Deps] = []
_tellers: list[Teller] = []


def deps() -> Deps:
    """Return the parts of this process."""
    with _lock:
        if not _built:
            sys.setswitchinterval(SWITCH_SECONDS)
            _built.append(bootstrap.build(settings, keys()))
            memory.settle()
        return _built[0]


def _stop_calls(**_: Any) -> None:
    """Let running tasks end after their present calls, because after SIGTERM Celery waits for them."""
    for built in _built:
        built.leases.stop_calls()


def _tell_flower(sender: Any, **_: Any) -> None:
    """Let this process become the teller, which took a third of the time of a worker for the timely queues alone."""
    if TIMELY.issuperset(app.amqp.queues.consume_from):
        return
    teller = Teller(app, sender.hostname, deps().broker, bootstrap.reader(settings))
    _tellers.append(teller)
    teller.start()


def _close(**_: Any) -> None:
    for teller in _tellers:
        teller.stop()
    for built in _built:
        built.post.stop(LAST_DELIVERIES_SECONDS)
        built.leases.close()
        built.broker.close()


worker_ready.connect(_tell_flower)
worker_shutting_down.connect(_stop_calls)
worker_shutdown.connect(_close)
