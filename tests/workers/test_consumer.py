"""A worker tells Celery's events together, and forgets none when it stops."""

from contextlib import ExitStack
from pathlib import Path

from celery import Celery

from orchestrator.store.broker import celery_settings
from schemas.tasks import Task
from tests.support.audience import Audience
from tests.support.processes import Processes
from tests.support.stack import stack_in
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until


def test_flower_hears_of_the_tasks_that_end_while_their_worker_stops(
    processes: Processes, own_valkey: Valkey, sqlite_url: str, tmp_path: Path
) -> None:
    with stack_in(processes, database_url=sqlite_url, broker_url=own_valkey.url, home=tmp_path / "home") as stack:
        stack.start()
        celery = Celery("tests", set_as_current=False)
        celery.conf.update(celery_settings(own_valkey.url, stack.keys))
        with ExitStack() as listening:
            audience = Audience(celery, listening)
            meeting = stack.meeting(2)
            stack.sandbox.latency(1000)
            stack.breakout(meeting, rooms=2)
            wait_until(lambda: audience.states(Task.ROOM_OPEN) == ["STARTED"] * 2, what="two rooms that open")
            stack.timekeepers[0].stop()
            assert stack.workers[0].stop() == 0
            wait_until(lambda: audience.states(Task.ROOM_OPEN) == ["SUCCESS"] * 2, what="two rooms that are open")
