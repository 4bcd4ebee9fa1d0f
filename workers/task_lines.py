"""One log line and metrics for each task that a worker ends. Every line in between carries the id of the task's row.

A thread runs one task after the other. The logging context that a task begins with is cleared after its end, and after
Celery's own line about a failure.
"""

import time
from typing import Any

from celery.signals import task_postrun, task_prerun

from orchestrator import metrics
from orchestrator.log import about, begin, end, logger
from orchestrator.services.result import Result
from orchestrator.store.kinds import KIND_OF_TASK
from schemas.tasks import QUEUE_OF, Task
from workers.process import deps

log = logger(__name__)

OURS = frozenset(Task)


def _begin(task_id: str, task: Any, args: Any, **_: Any) -> None:
    task.request.begun = time.monotonic()
    begin(task=task.name, task_id=task_id)
    if task.name not in OURS:
        return
    name = Task(task.name)
    deps().broker.note_moving(QUEUE_OF[name])
    log_id = KIND_OF_TASK[name].log_id
    if args and log_id is not None:
        about(**{log_id: args[0]})


def _end(task: Any, retval: Any, state: str, **_: Any) -> None:
    """Log a success, and count the task. Celery itself has logged a failure, with its traceback."""
    seconds = time.monotonic() - task.request.begun
    metrics.TASKS.labels(task.name, state.lower()).inc()
    metrics.TASK_SECONDS.labels(task.name).observe(seconds)
    if state == "SUCCESS":
        words = retval.words if isinstance(retval, Result) else ""
        log.info("task done", result=words, seconds=round(seconds, 4))
    end()


task_prerun.connect(_begin)
task_postrun.connect(_end)
