"""What a worker tells of each task: one line in the log, and figures; every line in between says whose it is.

A thread goes from task to task: what is bound when a task begins is cleared when it has ended, Celery's own line about
a failure included.
"""

import time
from typing import Any

from celery.signals import task_postrun, task_prerun

from orchestrator import metrics
from orchestrator.log import about, begin, end, logger
from schemas.tasks import QUEUE_OF, Task
from workers.process import deps

log = logger(__name__)

ROW_IDS = {
    "breakout": "breakout_id",
    "room": "room_id",
    "recording": "recording_id",
    "webhook": "meeting_id",
    "meeting": "meeting_id",
}
"""What the row of a task is called in its lines, by the first word of its name."""
THEIR_WORDS = ": "
"""Begins, in the line that a task gives back, what RealtimeKit said: it may quote what was sent, which names people."""


def _begin(task_id: str, task: Any, args: Any, **_: Any) -> None:
    task.request.begun = time.monotonic()
    begin(task=task.name, task_id=task_id)
    if task.name in QUEUE_OF:
        deps().broker.note_moving(QUEUE_OF[Task(task.name)])
    if args and task.name != Task.BREAKOUT_RECONCILE and (name := ROW_IDS.get(task.name.partition(".")[0])):
        about(**{name: args[0]})


def _end(task: Any, retval: Any, state: str, **_: Any) -> None:
    """Celery itself has told of a failure, with its traceback."""
    seconds = time.monotonic() - task.request.begun
    metrics.TASKS.labels(task.name, state.lower()).inc()
    metrics.TASK_SECONDS.labels(task.name).observe(seconds)
    if state == "SUCCESS":
        log.info("task done", result=str(retval).partition(THEIR_WORDS)[0], seconds=round(seconds, 4))
    end()


task_prerun.connect(_begin)
task_postrun.connect(_end)
