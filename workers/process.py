"""The parts of one worker process: built when the first task or tick needs them, and given back at its end."""

import sys
import threading
from typing import Any

from celery.signals import worker_ready, worker_shutdown, worker_shutting_down

from orchestrator import bootstrap
from orchestrator.runtime import memory
from orchestrator.services.deps import Deps
from schemas.tasks import Queue
from workers.app import app, settings
from workers.flower import Teller

SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter to itself while others want it. With Python's 5 ms, whoever talks to the
database waits that long after each statement while the event loop computes: opening 100 rooms took thrice as long."""

TIMELY = frozenset({Queue.LIFECYCLE, Queue.WEBHOOKS})
"""A worker for these alone (compose.yaml) shall be late for nobody: telling Flower took a third of its time."""

_lock = threading.Lock()
_built: list[Deps] = []
_tellers: list[Teller] = []


def deps() -> Deps:
    """This process' parts."""
    with _lock:
        if not _built:
            sys.setswitchinterval(SWITCH_SECONDS)
            _built.append(bootstrap.build(settings))
            memory.settle()
        return _built[0]


def _hand_back(**_: Any) -> None:
    """SIGTERM: Celery waits for the tasks that run, so let them end after the call that they are at."""
    for built in _built:
        built.leases.stop_calls()


def _tell_flower(sender: Any, **_: Any) -> None:
    if TIMELY.issuperset(app.amqp.queues.consume_from):
        return
    teller = Teller(app, sender.hostname, deps().broker, bootstrap.reader(settings))
    _tellers.append(teller)
    teller.start()


def _send_what_is_left(**_: Any) -> None:
    for teller in _tellers:
        teller.stop()
    for built in _built:
        built.leases.close()
        built.broker.close()


worker_ready.connect(_tell_flower)
worker_shutting_down.connect(_hand_back)
worker_shutdown.connect(_send_what_is_left)
