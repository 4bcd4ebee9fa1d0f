"""next_due and waiting: when the timekeeper looks next, and what has waited for too long."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from orchestrator.store import scan
from orchestrator.store.kinds import TABLES
from orchestrator.store.scan import Waiting
from schemas.tables import ORPHANS, Breakout, Due, Inbox, Meeting, Recording, Room, Sweep
from schemas.tasks import Queue
from tests.store.rows import LONG_AGO, Rows, breakout, held, meeting, recording, room

NOW = LONG_AGO
NOTHING: scan.Backlog = {}


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def next_due(rows: Rows, backlog: scan.Backlog = NOTHING, **options: Any) -> dict[type[Due], datetime]:
    with rows.database.glancing() as session:
        return scan.next_due(session, backlog, **options)[0]


def waiting(rows: Rows) -> dict[type[Due], Waiting]:
    with rows.database.glancing() as session:
        return scan.waiting(session, NOW)


def test_the_first_row_of_each_table_counts(rows: Rows) -> None:
    rows.add(
        meeting("m", due_at=at(5)),
        meeting("n", due_at=at(3)),
        meeting("o", due_at=None),
        Inbox(id="m", due_at=at(1)),
        breakout(due_at=at(7)),
        room(due_at=at(8)),
        recording(due_at=None),
    )
    assert next_due(rows) == {Meeting: at(3), Inbox: at(1), Breakout: at(7), Room: at(8)}


def test_every_table_is_looked_at(rows: Rows) -> None:
    then: dict[str, Any] = {"due_at": at(9)}
    rows.add(meeting(**then), Inbox(id="m", **then), breakout(**then), room(**then), recording(**then))
    with rows.database.transaction() as tx:
        tx.session.get_one(Sweep, ORPHANS).due_at = at(9)
    assert next_due(rows) == dict.fromkeys((Meeting, Inbox, Breakout, Room, Recording, Sweep), at(9))


@pytest.mark.parametrize(("after", "first"), [(-1, 0), (0, 10), (9.5, 10), (10, None), (None, 0)], ids=str)
def test_only_rows_that_are_due_after_a_time_count(rows: Rows, after: float | None, first: float | None) -> None:
    rows.add(meeting("m", due_at=at(0)), meeting("n", due_at=at(10)))
    found = next_due(rows, after=None if after is None else at(after))
    assert found == ({} if first is None else {Meeting: at(first)})


def test_rows_whose_message_may_wait_in_a_queue_do_not_count(rows: Rows) -> None:
    first, second, third = (rows.now() - timedelta(seconds=seconds) for seconds in (3, 2, 1))
    rows.add(meeting("m", due_at=first), meeting("n", due_at=second, dispatches=0), held("o", due_at=third))
    crowded = {Queue.UPKEEP: at(0)}
    assert next_due(rows, crowded) == {Meeting: second}
    assert next_due(rows, crowded, after=second) == {Meeting: third}
    assert next_due(rows, {Queue.LIFECYCLE: at(0)}) == {Meeting: first}, "another table's queue"


def test_a_look_reads_no_row_that_is_never_due(sqlite_rows: Rows) -> None:
    """PostgreSQL finds that out by itself (tests/store/test_scale.py counts what it reads)."""
    sent: dict[str, Any] = {}
    with sqlite_rows.database.glancing() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda *it: sent.update({it[2]: it[3]}))
        scan.next_due(session, NOTHING)
        look = next(statement for statement in sent if "UNION ALL" in statement)
        steps = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {look}", sent[look]).all()
    reads = [str(step.detail) for step in steps if str(step.detail).startswith(("SCAN", "SEARCH"))]
    assert len([it for it in reads if "_due_at" in it]) == len(TABLES)
    assert all("INDEX ix_" in it for it in reads if "CONSTANT ROW" not in it), reads


def test_the_databases_time_comes_along(rows: Rows) -> None:
    rows.add(meeting(due_at=at(-1)))
    before = rows.now()
    with rows.database.glancing() as session:
        found, now = scan.next_due(session, NOTHING)
    assert found == {Meeting: at(-1)}
    assert before <= now <= rows.now()


WAITING: dict[str, tuple[list[Meeting], Waiting | None]] = {
    "nothing where all is at rest": ([meeting(due_at=None)], None),
    "nothing that is due later and was not sent": ([meeting(due_at=at(1), dispatches=0)], None),
    "nothing that is held": ([held(due_at=at(20))], None),
    "nothing beyond the longest wait for a message": ([meeting(due_at=at(30.001), dispatches=4)], None),
    "what is due just now": ([meeting(due_at=at(0), dispatches=0)], Waiting(1, at(0), at(0))),
    "what has been due for a while": ([meeting(due_at=at(-60), dispatches=0)], Waiting(1, at(-60), at(-60))),
    "what was sent once, since it was": ([meeting(due_at=at(4), dispatches=1)], Waiting(1, at(-1), None)),
    "what was sent thrice, since it first was": ([meeting(due_at=at(10), dispatches=3)], Waiting(1, at(-25), None)),
    "what waits for its longest": ([meeting(due_at=at(30), dispatches=4)], Waiting(1, at(-35), None)),
    "what is due to be sent again": ([meeting(due_at=at(-1), dispatches=1)], Waiting(1, at(-6), at(-1))),
    "whose lease has ended": ([held(due_at=at(-9))], Waiting(1, at(-9), at(-9))),
    "several, since the first of them": (
        [
            meeting("a", due_at=at(-3), dispatches=0),
            meeting("b", due_at=at(-7), dispatches=0),
            meeting("c", due_at=at(2), dispatches=2),
            meeting("d", due_at=at(1), dispatches=0),
        ],
        Waiting(3, at(-13), at(-7)),
    ),
    "several, whose first was not sent": (
        [meeting("a", due_at=at(-60), dispatches=0), meeting("b", due_at=at(4), dispatches=1)],
        Waiting(2, at(-60), at(-60)),
    ),
    "several of which one is due to be sent again": (
        [meeting("a", due_at=at(-2), dispatches=1), meeting("b", due_at=at(4), dispatches=2)],
        Waiting(2, at(-11), at(-2)),
    ),
}


@pytest.mark.parametrize(("stored", "expected"), WAITING.values(), ids=WAITING)
def test_what_waits(rows: Rows, stored: list[Meeting], expected: Waiting | None) -> None:
    rows.add(*stored)
    assert waiting(rows) == ({} if expected is None else {Meeting: expected})


def test_each_table_waits_for_itself(rows: Rows) -> None:
    rows.add(meeting(due_at=at(-1)), breakout(due_at=at(-2), dispatches=0), room(due_at=at(90)))
    assert waiting(rows) == {Meeting: Waiting(1, at(-6), at(-1)), Breakout: Waiting(1, at(-2), at(-2))}
