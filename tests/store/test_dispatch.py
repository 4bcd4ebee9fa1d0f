"""dispatch: a message with the claim as it stands, for every row that nobody holds, and a time to send it again."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.messages import Message
from schemas.states import BreakoutState, RoomWanted
from schemas.tables import Breakout, Meeting, Room, Solve
from schemas.tasks import Task
from tests.store.rows import LONG_AGO, Rows, breakout, held, meeting, recording, room

WAITS = {0: 5, 1: 10, 2: 20, 3: 30, 4: 30, 50: 30}


@pytest.mark.parametrize(("dispatches", "seconds"), WAITS.items(), ids=[f"after {number}" for number in WAITS])
def test_each_message_that_nobody_started_doubles_the_wait(rows: Rows, dispatches: int, seconds: float) -> None:
    rows.add(meeting(dispatches=dispatches))
    done = rows.did(lambda tx: due.dispatch(tx, Meeting, ["m"]))
    assert done.changed == {"m": {"dispatches": dispatches + 1, "due_at": done.at(seconds)}}
    assert done.sent == [("m", 7)]
    assert [message.dispatched_at for message in done.messages] == [done.at()]


@pytest.mark.parametrize(
    ("row", "sent"),
    [
        (meeting(), [("m", 7)]),
        (meeting(claim=0, generation=0, tries=0, dispatches=0, due_at=None), [("m", 0)]),
        (held(), []),
        (held(due_at=LONG_AGO), []),
        (meeting("n"), []),
    ],
    ids=["idle", "never started", "held", "held, and its lease has ended", "of another id"],
)
def test_only_rows_that_nobody_holds_are_sent(rows: Rows, row: Meeting, sent: list[Any]) -> None:
    rows.add(row)
    done = rows.did(lambda tx: due.dispatch(tx, Meeting, ["m"]))
    assert done.sent == sent
    assert set(done.changed) == {row_id for row_id, _ in sent}
    assert done.topics == set()


def test_several_rows_are_sent_at_once_and_others_are_left_alone(rows: Rows) -> None:
    rows.add(meeting("a", claim=1), meeting("b", claim=2), meeting("c"), held("d"))
    done = rows.did(lambda tx: due.dispatch(tx, Meeting, (row_id for row_id in ("b", "a", "d"))))
    assert done.sent == [("a", 1), ("b", 2)]
    assert set(done.changed) == {"a", "b"}


def test_nothing_is_sent_for_no_rows(rows: Rows) -> None:
    rows.add(meeting())
    done = rows.did(lambda tx: due.dispatch(tx, Meeting, []))
    assert (done.changed, done.messages) == ({}, [])


def test_nothing_is_looked_up_where_nothing_is_sent(rows: Rows) -> None:
    rows.add(meeting(), breakout(), room(holder="me"))
    assert rows.statements(lambda tx: due.dispatch(tx, Room, ["r"])) == ["UPDATE"]


def test_a_message_carries_the_claim_that_is_stored_whatever_was_read_before(rows: Rows) -> None:
    rows.add(meeting())

    def work(tx: Transaction) -> Meeting:
        read = tx.session.get_one(Meeting, "m")
        tx.session.execute(text("UPDATE meeting SET claim = 9, dispatches = 2, title = 'New'"))
        due.dispatch(tx, Meeting, ["m"])
        return read

    done = rows.did(work)
    assert done.messages == [Message(Task.MEETING_SYNC, "m", 9, "New · who is where", LONG_AGO)]
    assert (done.answer.claim, done.answer.dispatches) == (9, 3)


def test_a_row_that_this_transaction_has_made_is_sent(rows: Rows) -> None:
    def work(tx: Transaction) -> None:
        tx.session.add(meeting())
        due.dispatch(tx, Meeting, ["m"])

    done = rows.did(work)
    assert done.sent == [("m", 7)]


WHOSE = [
    (Breakout, "b", Message(Task.BREAKOUT_TIDY, "b", 7, "Round 1 · 1 room · 0 people", LONG_AGO, "b")),
    (Room, "r", Message(Task.ROOM_CLOSE, "r", 7, "Round 1 · Room 1 · 0 people", LONG_AGO, "b")),
    (Solve, "b", Message(Task.BREAKOUT_SOLVE, "b", 0, "Round 1 · groups that keep the rules", LONG_AGO, "b")),
    (Meeting, "m", Message(Task.MEETING_SYNC, "m", 7, "Title of m · who is where", LONG_AGO, None)),
]


@pytest.mark.parametrize(("table", "row_id", "message"), WHOSE, ids=["breakout", "room", "solve", "meeting"])
def test_a_message_names_task_row_label_and_breakout(rows: Rows, table: Any, row_id: str, message: Message) -> None:
    closing = breakout(state=BreakoutState.CLOSING, sent_home_at=LONG_AGO)
    rows.add(meeting(), closing, room(wanted=RoomWanted.CLOSED), recording(), Solve(id="b"))
    done = rows.did(lambda tx: due.dispatch(tx, table, [row_id]))
    assert done.messages == [message]


def test_a_hint_names_the_task(rows: Rows) -> None:
    rows.add(meeting(), breakout(), room())
    done = rows.did(lambda tx: due.dispatch(tx, Room, ["r"], Task.ROOM_RECORD))
    assert [message.task for message in done.messages] == [Task.ROOM_RECORD]


@pytest.mark.parametrize(
    ("said", "closes_in", "task"),
    [
        (None, -60, Task.BREAKOUT_CLOSE),
        (None, 60, Task.BREAKOUT_WARN),
        (120, 60, Task.BREAKOUT_CLOSE),
        (-120, -60, Task.BREAKOUT_WARN),
    ],
    ids=["asked for: over", "asked for: to come", "passed: over", "passed: to come"],
)
def test_a_breakouts_task_depends_on_the_time_that_is_passed_or_asked_for(
    rows: Rows, said: float | None, closes_in: float, task: Task
) -> None:
    now = rows.now()
    rows.add(meeting(), breakout(state=BreakoutState.OPEN, closes_at=now + timedelta(seconds=closes_in)))
    passed = None if said is None else now + timedelta(seconds=said)
    done = rows.did(lambda tx: due.dispatch(tx, Breakout, ["b"], now=passed))
    assert [message.task for message in done.messages] == [task]
