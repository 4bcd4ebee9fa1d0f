"""A timekeeper sends again what was lost, and nothing that still waits for a worker."""

import json
from pathlib import Path

from sqlmodel import select

from orchestrator.services.deps import Deps
from schemas.tables import ORPHANS, Breakout, Sweep
from schemas.tasks import QUEUE_OF, Task
from tests.support.processes import Processes
from tests.support.stack import stack_in
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

BREAKOUTS = 3


def test_a_message_that_waits_is_not_sent_again_and_a_lost_one_is(
    processes: Processes, own_valkey: Valkey, sqlite_url: str, tmp_path: Path
) -> None:
    with stack_in(processes, database_url=sqlite_url, broker_url=own_valkey.url, home=tmp_path / "home") as stack:
        stack.start(workers=0, webhooks=False)
        for _ in range(BREAKOUTS):
            stack.breakout(stack.meeting(2), rooms=1)
        with stack.parts() as deps:
            wait_until(lambda: waiting(deps, Task.BREAKOUT_OPEN) == BREAKOUTS, what="a message for each breakout")
            wait_until(lambda: are_due_again(deps), what="breakouts that nobody has started for a while")
            let_timekeeper_look(deps)
            assert waiting(deps, Task.BREAKOUT_OPEN) == BREAKOUTS
            deps.broker.redis.delete(deps.broker.keys.queue(QUEUE_OF[Task.BREAKOUT_OPEN]))
            wait_until(lambda: waiting(deps, Task.BREAKOUT_OPEN) == BREAKOUTS, what="another message for each breakout")


def waiting(deps: Deps, task: Task) -> int:
    """Count the messages for a task that wait in its queue."""
    messages = map(json.loads, deps.broker.redis.lrange(deps.broker.keys.queue(QUEUE_OF[task]), 0, -1))
    return sum(message["headers"]["task"] == task for message in messages)


def are_due_again(deps: Deps) -> bool:
    """Whether all breakouts were sent once, and are due to be sent again."""
    with deps.database.transaction() as tx:
        now = tx.now()
        rows = tx.session.scalars(select(Breakout)).all()
        return all(row.dispatches == 1 and row.due_at is not None and row.due_at <= now for row in rows)


def let_timekeeper_look(deps: Deps) -> None:
    """Wait for a look that begins after this, by what it sends for the last of the tables."""
    seen = waiting(deps, Task.UPKEEP_SWEEP)
    with deps.database.transaction() as tx:
        sweep = tx.session.get_one(Sweep, ORPHANS)
        sweep.due_at, sweep.dispatches = tx.now(), 0
    wait_until(lambda: waiting(deps, Task.UPKEEP_SWEEP) > seen, what="a look at the last table")
