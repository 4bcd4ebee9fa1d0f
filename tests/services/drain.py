"""A worker in this thread: it does what the messages in the broker say, one after another, until there is none."""

import base64
import json
from collections import Counter

from sqlalchemy import update

from orchestrator.services.deps import Deps
from orchestrator.store.kinds import KIND_OF_TASK
from schemas.tables import Inbox
from schemas.tasks import Queue, Task
from tests.services.hand import WORK


def drain(deps: Deps) -> Counter[str]:
    """Do all tasks that are sent, and those that they send. Returns how many messages there were of each task."""
    done: Counter[str] = Counter()
    while message := _next(deps):
        task, row_id, claim = message
        WORK[KIND_OF_TASK[Task(task)].table](deps, row_id, claim)
        done[task] += 1
    return done


def end_rests(deps: Deps) -> None:
    """Let the time pass in which inboxes rest, so that what is said next is sent at once."""
    with deps.database.transaction() as tx:
        tx.session.execute(update(Inbox).values(rests_until=None))


def forget_messages(deps: Deps) -> None:
    """Empty the broker's queues, which other tests of this process share."""
    deps.broker.flush()
    deps.broker.redis.delete(*(deps.broker.keys.queue(queue) for queue in Queue))


def _next(deps: Deps) -> tuple[str, str, int] | None:
    """Take the oldest message of the first queue that has one."""
    deps.broker.flush()
    for queue in Queue:
        if found := deps.broker.redis.rpop(deps.broker.keys.queue(queue)):
            message = json.loads(found)  # type: ignore[arg-type]  # this client answers with bytes
            (row_id, claim), *_ = json.loads(base64.b64decode(message["body"]))
            return message["headers"]["task"], row_id, claim
    return None
