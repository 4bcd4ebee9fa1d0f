"""The timekeeper's looks: dispatch_due and forget_dispatches."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from orchestrator.domain.timing import dispatched_at
from orchestrator.store import scan
from schemas.states import BreakoutState
from schemas.tables import Breakout, Meeting
from schemas.tasks import Queue, Task
from tests.store.rows import LONG_AGO, Rows, breakout, held, meeting

CROWDED: scan.Backlog = dict.fromkeys(Queue, LONG_AGO - timedelta(hours=1))
"""Messages that were sent before any row here wait in all queues."""
EMPTY: scan.Backlog = {}


def look(limit: int = 9, backlog: scan.Backlog = EMPTY) -> Any:
    return lambda tx: scan.dispatch_due(tx, Meeting, limit, backlog)


LATER = datetime.now().astimezone() + timedelta(days=1)

SITUATIONS: dict[str, tuple[Meeting, bool]] = {
    "due and not sent": (meeting(dispatches=0), True),
    "due to be sent again": (meeting(dispatches=2), True),
    "held beyond its lease": (held(), True),
    "held beyond its lease, and sent before it": (held(dispatches=1), True),
    "due later": (meeting(dispatches=0, due_at=LATER), False),
    "held within its lease": (held(due_at=LATER), False),
    "at rest": (meeting(dispatches=0, due_at=None), False),
}


@pytest.mark.parametrize(("row", "due"), SITUATIONS.values(), ids=SITUATIONS)
def test_a_row_is_sent_when_it_is_due(rows: Rows, row: Meeting, due: bool) -> None:
    rows.add(row)
    done = rows.did(look())
    if not due:
        assert (done.answer, done.changed, done.messages) == ((0, 0), {}, [])
        return
    waits = {0: 5, 1: 10, 2: 20}[row.dispatches]
    given_up = {"holder": None} if row.holder else {}
    assert done.changed == {"m": {**given_up, "dispatches": row.dispatches + 1, "due_at": done.at(waits)}}
    assert done.sent == [("m", 7)]
    assert done.answer == (1, 1 if row.holder else 0)
    assert done.topics == set()


IN_A_CROWD: dict[str, tuple[int, int, bool]] = {
    "a row that was not sent": (0, 10, True),
    "a row whose message may wait": (1, 10, False),
    "a row whose message may wait, for long": (3, 50, False),
    "a row whose message may wait, for so long that it is perhaps lost": (1, 70, True),
}


@pytest.mark.parametrize(("dispatches", "ago", "sent"), IN_A_CROWD.values(), ids=IN_A_CROWD)
def test_where_all_queues_are_crowded(rows: Rows, dispatches: int, ago: int, sent: bool) -> None:
    rows.add(meeting(dispatches=dispatches, due_at=rows.now() - timedelta(seconds=ago)))
    assert rows.did(look(backlog=CROWDED)).answer == (int(sent), 0)


BEHIND: dict[str, tuple[Queue, float, bool]] = {
    "it was sent long before all that wait": (Queue.UPKEEP, 10.001, True),
    "later ones may have overtaken it": (Queue.UPKEEP, 10.0, False),
    "it may be the first that waits": (Queue.UPKEEP, 0.0, False),
    "others before it still wait": (Queue.UPKEEP, -1.0, False),
    "what waits is in another queue": (Queue.CLOSING, -1.0, True),
}


@pytest.mark.parametrize(("queue", "seconds", "lost"), BEHIND.values(), ids=BEHIND)
def test_a_row_is_sent_again_when_its_message_can_wait_in_no_queue(
    rows: Rows, queue: Queue, seconds: float, lost: bool
) -> None:
    lately = rows.now()
    rows.add(meeting(due_at=lately, dispatches=1))
    waits = {queue: dispatched_at(lately, 1) + timedelta(seconds=seconds)}
    assert rows.did(look(backlog=waits)).answer == (int(lost), 0)


OF_BREAKOUTS: dict[str, tuple[dict[str, Any], set[Queue]]] = {
    "one that is open": ({"state": BreakoutState.OPEN}, {Queue.LIFECYCLE}),
    "one whose people are told to come home": ({"state": BreakoutState.CLOSING}, {Queue.LIFECYCLE}),
    "one whose rooms close": (
        {"state": BreakoutState.CLOSING, "sent_home_at": LONG_AGO},
        {Queue.LIFECYCLE, Queue.CLOSING},
    ),
    "one that is closed": ({"state": BreakoutState.CLOSED}, {Queue.LIFECYCLE, Queue.CLOSING}),
}


@pytest.mark.parametrize("queue", Queue)
@pytest.mark.parametrize(("state", "queues"), OF_BREAKOUTS.values(), ids=OF_BREAKOUTS)
def test_no_timer_is_held_back_by_what_waits_for_another_worker(
    rows: Rows, state: dict[str, Any], queues: set[Queue], queue: Queue
) -> None:
    lately = rows.now()
    rows.add(meeting(), breakout(due_at=lately, **state))
    waits = {queue: dispatched_at(lately, 1)}
    assert rows.did(lambda tx: scan.dispatch_due(tx, Breakout, 9, waits)).answer == (int(queue not in queues), 0)


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
    done = rows.did(lambda tx: scan.dispatch_due(tx, Breakout, 9, EMPTY))
    assert [message.task for message in done.messages] == [Task.BREAKOUT_CLOSE]


def test_a_row_that_another_has_locked_is_passed_over(concurrent_rows: Rows) -> None:
    concurrent_rows.add(meeting("a"), meeting("b"))
    with concurrent_rows.locked(Meeting, "a"):
        done = concurrent_rows.did(look(1))
    assert (done.sent, done.answer) == ([("b", 7)], (1, 0))


def test_a_look_asks_for_nothing_but_rows_and_labels(rows: Rows) -> None:
    rows.add(meeting(), breakout("b"), breakout("c"))
    look_once = partial(scan.dispatch_due, table=Breakout, limit=9, backlog=EMPTY)
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
    assert rows.did(look(backlog=CROWDED)).sent == [("a", 7)]
