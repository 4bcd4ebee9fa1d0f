"""The timekeeper's looks: dispatch_due and forget_dispatches."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from orchestrator.store import scan
from schemas.states import BreakoutState
from schemas.tables import Breakout, Meeting
from schemas.tasks import Task
from tests.store.rows import LONG_AGO, Rows, breakout, held, meeting


def look(limit: int = 9, *, resend: bool = True) -> Any:
    return lambda tx: scan.dispatch_due(tx, Meeting, limit, resend=resend)


LATER = datetime.now().astimezone() + timedelta(days=1)

SITUATIONS: dict[str, tuple[Meeting, bool, bool]] = {
    "due and not sent": (meeting(dispatches=0), True, True),
    "due to be sent again": (meeting(dispatches=2), False, True),
    "held beyond its lease": (held(), True, True),
    "held beyond its lease, and sent before it": (held(dispatches=1), False, True),
    "due later": (meeting(dispatches=0, due_at=LATER), False, False),
    "held within its lease": (held(due_at=LATER), False, False),
    "at rest": (meeting(dispatches=0, due_at=None), False, False),
}


@pytest.mark.parametrize("resend", [True, False], ids=["sending again", "only what was not sent"])
@pytest.mark.parametrize(("row", "unsent", "due"), SITUATIONS.values(), ids=SITUATIONS)
def test_a_row_is_sent_when_it_is_due(rows: Rows, row: Meeting, unsent: bool, due: bool, resend: bool) -> None:
    rows.add(row)
    done = rows.did(look(resend=resend))
    if not (due if resend else unsent):
        assert (done.answer, done.changed, done.messages) == ((0, 0), {}, [])
        return
    waits = {0: 5, 1: 10, 2: 20}[row.dispatches]
    given_up = {"holder": None} if row.holder else {}
    assert done.changed == {"m": {**given_up, "dispatches": row.dispatches + 1, "due_at": done.at(waits)}}
    assert done.sent == [("m", 7)]
    assert done.answer == (1, 1 if row.holder else 0)
    assert done.topics == set()


def test_the_rows_that_are_due_longest_are_sent_first(rows: Rows) -> None:
    ago = {"a": 1, "b": 3, "c": 2, "d": 4}
    rows.add(*(meeting(row_id, due_at=LONG_AGO - timedelta(hours=hours)) for row_id, hours in ago.items()))
    assert [row_id for row_id, _ in rows.did(look(2)).sent] == ["b", "d"]
    assert [row_id for row_id, _ in rows.did(look(2)).sent] == ["a", "c"]
    assert rows.did(look(2)).answer == (0, 0)


def test_rows_and_ended_leases_are_counted(rows: Rows) -> None:
    rows.add(held("a"), meeting("b"), held("c"), meeting("d"), meeting("e", due_at=None))
    assert rows.did(look()).answer == (4, 2)


def test_only_ended_leases_are_taken_back(rows: Rows) -> None:
    rows.add(held("a"), held("b", due_at=LATER))
    assert rows.did(look()).changed.keys() == {"a"}
    assert rows.stored(Meeting, "b").holder == "me"


def test_the_claim_that_is_sent_is_that_of_the_holder_who_died(rows: Rows) -> None:
    rows.add(held())
    rows.did(look())
    assert rows.stored(Meeting).claim == 7, "whoever holds it can still record, until somebody starts it"


def test_a_breakouts_task_follows_from_the_time_of_the_look(rows: Rows) -> None:
    rows.add(meeting(), breakout(state=BreakoutState.OPEN, closes_at=LONG_AGO))
    done = rows.did(lambda tx: scan.dispatch_due(tx, Breakout, 9, resend=True))
    assert [message.task for message in done.messages] == [Task.BREAKOUT_CLOSE]


def test_a_row_that_another_has_locked_is_passed_over(concurrent_rows: Rows) -> None:
    concurrent_rows.add(meeting("a"), meeting("b"))
    with concurrent_rows.locked(Meeting, "a"):
        done = concurrent_rows.did(look(1))
    assert (done.sent, done.answer) == ([("b", 7)], (1, 0))


def test_a_look_asks_for_nothing_but_rows_and_labels(rows: Rows) -> None:
    rows.add(meeting(), breakout("b"), breakout("c"))
    look_once = partial(scan.dispatch_due, table=Breakout, limit=9, resend=True)
    assert rows.statements(look_once) == ["SELECT", "UPDATE", "SELECT"]


FORGOTTEN: dict[str, tuple[Meeting, bool]] = {
    "sent, and due to be sent again later": (meeting(due_at=LATER), True),
    "sent many times": (meeting(dispatches=9, due_at=LATER), True),
    "sent, and due to be sent again": (meeting(), True),
    "not sent": (meeting(dispatches=0), False),
    "not sent, and due later": (meeting(dispatches=0, due_at=LATER), False),
    "held": (held(due_at=LATER), False),
    "held, and sent before its holder died": (held(dispatches=2), False),
}


@pytest.mark.parametrize(("row", "lost"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_when_the_broker_was_emptied_all_that_was_sent_is_due_now(rows: Rows, row: Meeting, lost: bool) -> None:
    rows.add(row)
    done = rows.did(lambda tx: scan.forget_dispatches(tx, Meeting))
    assert done.changed == ({"m": {"dispatches": 0, "due_at": done.at()}} if lost else {})
    assert done.messages == []


def test_what_is_forgotten_is_sent_at_the_next_look(rows: Rows) -> None:
    rows.add(meeting("a", due_at=LATER), meeting("b", due_at=LATER, dispatches=0))
    rows.did(lambda tx: scan.forget_dispatches(tx, Meeting))
    assert rows.did(look(resend=False)).sent == [("a", 7)]
