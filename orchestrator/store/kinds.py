"""The kinds of rows that can be due: the task each needs, its label in Flower, the name of its id in log lines.

A new kind of row is one entry here and one service (workers/services.py names it).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_
from sqlmodel import Session, col

from orchestrator.domain.lifecycle import breakout_task, room_task
from orchestrator.store.labels import (
    breakout_labels,
    endpoint_labels,
    inbox_labels,
    leftover_labels,
    meeting_labels,
    outbox_labels,
    recording_labels,
    room_labels,
    solve_labels,
    sweep_labels,
)
from schemas.states import BreakoutState
from schemas.tables import (
    ORPHANS,
    Breakout,
    Due,
    Endpoint,
    Inbox,
    Leftover,
    Meeting,
    Outbox,
    Recording,
    Room,
    Solve,
    Sweep,
)
from schemas.tasks import QUEUE_OF, Queue, Task

Clock = Callable[[], datetime]
"""Asks the database for its time, which only some kinds need."""


@dataclass(frozen=True)
class Kind:
    """What the protocol of a row needs to know about the rows of one table."""

    table: type[Due]
    tasks: frozenset[Task]
    """Every task that works on such a row."""
    task: Callable[[Any, Clock], Task]
    """The task that a due row needs now."""
    labels: Callable[[Session, Sequence[Any]], list[str]]
    log_id: str | None
    """The name of the row's id in log lines; None for a table with a single row."""
    breakout_id: Callable[[Any], str | None]
    """The breakout whose row in Flower lists the task."""
    is_timer: ColumnElement[bool] | None = None
    """The condition that a row's message is in the timers' queue, where the table's messages go to several."""

    @property
    def name(self) -> str:
        """The table's name in metrics and messages."""
        return self.table.__name__.lower()

    @property
    def queues(self) -> frozenset[Queue]:
        """The queues in which a message for such a row may wait."""
        return frozenset(QUEUE_OF[task] for task in self.tasks)


def _only(task: Task) -> tuple[frozenset[Task], Callable[[Any, Clock], Task]]:
    return frozenset({task}), lambda _row, _clock: task


def _owner(row: Room | Recording) -> str:
    return row.breakout_id


def _itself(row: Breakout | Solve | Outbox) -> str:
    return row.id


def _nobody(_: Due) -> None:
    return None


_BREAKOUT_TASKS = frozenset(
    {
        Task.BREAKOUT_PREPARE,
        Task.BREAKOUT_OPEN,
        Task.BREAKOUT_WARN,
        Task.BREAKOUT_CLOSE,
        Task.BREAKOUT_EMPTY,
        Task.BREAKOUT_TIDY,
    }
)
_ROOM_TASKS = frozenset({Task.ROOM_OPEN, Task.ROOM_RECORD, Task.ROOM_CLOSE})

KINDS = (
    Kind(
        Breakout,
        _BREAKOUT_TASKS,
        lambda row, clock: breakout_task(row, clock()),
        breakout_labels,
        "breakout_id",
        _itself,
        and_(col(Breakout.sent_home_at).is_(None), col(Breakout.state) != BreakoutState.CLOSED),
    ),
    Kind(Room, _ROOM_TASKS, lambda row, _: room_task(row), room_labels, "room_id", _owner),
    Kind(Solve, *_only(Task.BREAKOUT_SOLVE), solve_labels, "breakout_id", _itself),
    Kind(Inbox, *_only(Task.WEBHOOK_APPLY), inbox_labels, "meeting_id", _nobody),
    Kind(Recording, *_only(Task.RECORDING_FOLLOW), recording_labels, "recording_id", _owner),
    Kind(Meeting, *_only(Task.MEETING_SYNC), meeting_labels, "meeting_id", _nobody),
    Kind(Leftover, *_only(Task.LEFTOVER_REMOVE), leftover_labels, "leftover_id", _nobody),
    Kind(Outbox, *_only(Task.WEBHOOK_SPREAD), outbox_labels, "breakout_id", _itself),
    Kind(Endpoint, *_only(Task.WEBHOOK_DELIVER), endpoint_labels, "endpoint_id", _nobody),
    Kind(
        Sweep,
        frozenset({Task.UPKEEP_SWEEP, Task.UPKEEP_FORGET}),
        lambda row, _: Task.UPKEEP_SWEEP if row.id == ORPHANS else Task.UPKEEP_FORGET,
        sweep_labels,
        None,
        _nobody,
    ),
)
"""The kinds, the most urgent first: a timekeeper looks at them in this order."""

TABLES = tuple(kind.table for kind in KINDS)
KIND_OF: dict[type[Due], Kind] = {kind.table: kind for kind in KINDS}
KIND_OF_TASK: dict[Task, Kind] = {task: kind for kind in KINDS for task in kind.tasks}


def check_complete(tables: Sequence[type[Due]], tasks: Sequence[Task]) -> None:
    """Raise LookupError unless every table of due rows has a kind and every task belongs to exactly one."""
    strangers = [table.__name__ for table in tables if table not in KIND_OF]
    strangers += [task for task in tasks if task not in KIND_OF_TASK]
    if strangers:
        raise LookupError(f"no kind for {', '.join(strangers)}")
    if sum(len(kind.tasks) for kind in KINDS) != len(KIND_OF_TASK):
        raise LookupError("a task belongs to two kinds")


check_complete(Due.__subclasses__(), list(Task))
