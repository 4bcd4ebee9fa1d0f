"""The kinds of rows that can be due: every table and every task belongs to exactly one."""

from typing import Any, cast

import pytest

from orchestrator.store import kinds
from orchestrator.store.kinds import KIND_OF, KIND_OF_TASK, TABLES, check_complete
from schemas.tables import (
    Breakout,
    Due,
    Endpoint,
    Inbox,
    Leftover,
    Meeting,
    Outbox,
    Participant,
    Recording,
    Room,
    Solve,
    Sweep,
)
from schemas.tasks import Task
from tests.store.rows import LONG_AGO, breakout, meeting, recording, room

STRANGER = cast(type[Due], Participant)
COFFEE = cast(Task, "coffee.make")


@pytest.mark.parametrize(
    ("tables", "tasks", "why"),
    [
        ([*TABLES, STRANGER], list(Task), "no kind for Participant"),
        (list(TABLES), [*Task, COFFEE], "no kind for coffee.make"),
        ([STRANGER], [COFFEE], "no kind for Participant, coffee.make"),
    ],
    ids=["a table", "a task", "both"],
)
def test_a_table_or_task_without_a_kind_is_refused(tables: list[type[Due]], tasks: list[Task], why: str) -> None:
    with pytest.raises(LookupError) as caught:
        check_complete(tables, tasks)
    assert str(caught.value) == why


def test_a_task_of_two_kinds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, KIND_OF[Sweep]))
    with pytest.raises(LookupError, match=r"^a task belongs to two kinds$"):
        check_complete(list(TABLES), list(Task))


def test_all_that_there_is_has_a_kind() -> None:
    check_complete(Due.__subclasses__(), list(Task))
    check_complete([], [])


def test_the_timekeeper_looks_at_timers_first_and_at_upkeep_last() -> None:
    assert (Breakout, Room, Solve, Inbox, Recording, Meeting, Leftover, Outbox, Endpoint, Sweep) == TABLES


ENDPOINT = Endpoint(url="https://there.example/", secret="sealed", created_at=LONG_AGO)

KINDS: dict[type[Due], tuple[str, str | None, Any, str | None, str]] = {
    Breakout: ("breakout", "breakout_id", breakout(), "b", "breakout.open"),
    Room: ("room", "room_id", room(), "b", "room.open"),
    Solve: ("solve", "breakout_id", Solve(id="b"), "b", "breakout.solve"),
    Inbox: ("inbox", "meeting_id", Inbox(id="m"), None, "webhook.apply"),
    Recording: ("recording", "recording_id", recording(), "b", "recording.follow"),
    Meeting: ("meeting", "meeting_id", meeting(), None, "meeting.sync"),
    Outbox: ("outbox", "breakout_id", Outbox(id="b"), "b", "webhook.spread"),
    Endpoint: (
        "endpoint",
        "endpoint_id",
        Endpoint(id="e", url="https://there.example/", secret="", created_at=LONG_AGO),
        None,
        "webhook.deliver",
    ),
    Leftover: ("leftover", "leftover_id", Leftover(id="p", meeting_id="m", until=LONG_AGO), None, "leftover.remove"),
    Sweep: ("sweep", None, Sweep(id="orphans"), None, "upkeep.sweep"),
}


@pytest.mark.parametrize("table", KINDS, ids=lambda table: table.__name__)
def test_a_kind_names_table_log_line_breakout_and_task(table: type[Due]) -> None:
    name, log_id, row, breakout_id, task = KINDS[table]
    kind = KIND_OF[table]
    assert (kind.name, kind.log_id, kind.breakout_id(row)) == (name, log_id, breakout_id)
    if table is Breakout:
        row.starts_at = LONG_AGO
    assert kind.task(row, lambda: LONG_AGO) == task
    assert task in kind.tasks


@pytest.mark.parametrize("task", Task)
def test_a_task_works_on_rows_of_the_table_that_it_is_named_after(task: Task) -> None:
    named = {
        Task.WEBHOOK_APPLY: "inbox",
        Task.WEBHOOK_SPREAD: "outbox",
        Task.WEBHOOK_DELIVER: "endpoint",
        Task.UPKEEP_SWEEP: "sweep",
        Task.UPKEEP_FORGET: "sweep",
        Task.BREAKOUT_SOLVE: "solve",
    }
    assert KIND_OF_TASK[task].name == named.get(task, task.split(".")[0])
