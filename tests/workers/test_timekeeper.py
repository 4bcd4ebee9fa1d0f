"""A timekeeper sends again what was lost, and nothing that still waits for a worker.

What it can't do for long keeps no due row from being sent, and it counts as missing while it can't send those.
"""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from orchestrator.services.deps import Deps
from schemas.tables import ORPHANS, Breakout, Sweep
from schemas.tasks import QUEUE_OF, Task
from tests.support.processes import Process, Processes
from tests.support.stack import Stack, stack_in
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

BREAKOUTS = 3
COULD_NOT_LOOK = "the timekeeper could not look"


@pytest.fixture
def stack(processes: Processes, own_valkey: Valkey, sqlite_url: str, tmp_path: Path) -> Iterator[Stack]:
    """Make a system without workers, not started yet, whose timekeeper has a heartbeat."""
    parts = {"database_url": sqlite_url, "broker_url": own_valkey.url, "home": tmp_path / "home"}
    settings = {"HEARTBEAT_FILE": str(tmp_path / "heartbeat")}
    with stack_in(processes, **parts, settings=settings) as made:
        yield made


def test_a_message_that_waits_is_not_sent_again_and_a_lost_one_is(stack: Stack) -> None:
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


def test_sweeps_that_can_not_be_planned_keep_no_due_row_waiting(stack: Stack) -> None:
    refuse_changes(stack, "sweep")
    stack.start(workers=0, webhooks=False)
    stack.breakout(stack.meeting(2), rooms=1)
    wait_until(lambda: looks_that_failed(stack) > 0, what="a plan that fails")
    with stack.parts() as deps:
        wait_until(lambda: waiting(deps, Task.BREAKOUT_OPEN) == 1, what="a message for the breakout")
        make_breakouts_due(deps)
        wait_until(lambda: waiting(deps, Task.BREAKOUT_OPEN) == 2, what="a message from the timekeeper")
    assert stack.readiness()["timekeeper"] == "ok"


def test_a_timekeeper_that_can_not_send_counts_as_missing_until_it_can(stack: Stack) -> None:
    heartbeat = Path(stack.environment["HEARTBEAT_FILE"])
    stack.start(timekeepers=0, workers=0, webhooks=False)
    stack.breakout(stack.meeting(2), rooms=1)
    with stack.parts() as deps:
        make_breakouts_due(deps)
    refuse_changes(stack, "breakout")
    stack.timekeepers = [stack.start_timekeeper()]
    wait_until(lambda: looks_that_failed(stack) > 0, what="a look that fails")
    heartbeat.unlink()  # it was alive while it waited for its database
    looks = looks_that_failed(stack)
    wait_until(lambda: looks_that_failed(stack) > looks + 1, what="more of them")
    assert not heartbeat.exists()
    assert stack.readiness()["timekeeper"] == "missing"
    with stack.parts() as deps:
        let_timekeeper_look(deps)  # the last of the tables, and the first can't be sent
    stack.execute("DROP TRIGGER refuse_breakout")
    wait_until(heartbeat.exists, what="a sign of life")
    wait_until(lambda: stack.readiness()["timekeeper"] == "ok", what="readiness that sees it")


def test_what_the_first_of_two_leaves_is_sent_by_the_other_which_is_then_the_first(stack: Stack) -> None:
    stack.start(timekeepers=2, workers=0, webhooks=False)
    stack.breakout(stack.meeting(2), rooms=1)
    with stack.parts() as deps:
        wait_until(lambda: waiting(deps, Task.BREAKOUT_OPEN) == 1, what="a message for the breakout")
        first = first_of(stack, deps)
        first.send(signal.SIGSTOP)
        make_breakouts_due(deps)
        wait_until(lambda: waiting(deps, Task.BREAKOUT_OPEN) == 2, what="a message from the other one")
        wait_until(lambda: first_of(stack, deps) is not first, what="another first")
        first.send(signal.SIGCONT)
        let_timekeeper_look(deps)
        assert first_of(stack, deps) is not first
        assert waiting(deps, Task.BREAKOUT_OPEN) == 2


def first_of(stack: Stack, deps: Deps) -> Process:
    """Wait for a timekeeper that looks first, and return it."""
    key = deps.broker.keys.first_timekeeper
    holder = str(wait_until(lambda: deps.broker.redis.get(key), what="a timekeeper that looks first"))
    return next(one for one in stack.timekeepers if f"-{one.pid}-" in holder)


def refuse_changes(stack: Stack, table: str) -> None:
    """Let the database refuse every change to the rows of a table, which no later try mends."""
    stack.execute(f"CREATE TRIGGER refuse_{table} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")


def looks_that_failed(stack: Stack) -> int:
    """Count the looks of its timekeeper that something kept from being done."""
    return stack.timekeepers[0].output.count(COULD_NOT_LOOK)


def make_breakouts_due(deps: Deps) -> None:
    """Make all breakouts due, as if no message had been sent for them."""
    with deps.database.transaction() as tx:
        for row in tx.session.scalars(select(Breakout)):
            row.due_at, row.dispatches = tx.now(), 0


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
