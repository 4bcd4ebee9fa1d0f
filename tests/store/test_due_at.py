"""set_due and due_by: when a row that nobody holds is due next. A holder says it itself when it releases."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.events import due_topic
from schemas.tables import Meeting
from tests.store.rows import LONG_AGO, Rows, held, meeting

AT = LONG_AGO + timedelta(days=1)
EARLIER, LATER = AT - timedelta(microseconds=1), AT + timedelta(microseconds=1)


@pytest.mark.parametrize("before", [None, EARLIER, AT, LATER], ids=["at rest", "due earlier", "due then", "due later"])
def test_set_due_moves_a_row_that_nobody_holds_and_tells_the_timekeeper(rows: Rows, before: datetime | None) -> None:
    rows.add(meeting(due_at=before, dispatches=3), meeting("n"))
    done = rows.did(lambda tx: due.set_due(tx, Meeting, "m", AT))
    assert rows.stored(Meeting).due_at == AT
    assert done.changed.keys() == {"m"}
    assert done.changed["m"]["dispatches"] == 0, "its next message is the first one for the new time"
    assert done.topics == {due_topic(AT)}
    assert done.messages == []


def test_set_due_to_nothing_tells_nobody(rows: Rows) -> None:
    rows.add(meeting(due_at=AT))
    done = rows.did(lambda tx: due.set_due(tx, Meeting, "m", None))
    assert done.changed == {"m": {"due_at": None, "dispatches": 0}}
    assert done.topics == set()


@pytest.mark.parametrize("at", [AT, None], ids=["at a time", "never"])
def test_set_due_leaves_a_held_row_to_its_holder(rows: Rows, at: datetime | None) -> None:
    rows.add(held(dispatches=2))
    assert rows.did(lambda tx: due.set_due(tx, Meeting, "m", at)).changed == {}


def test_set_due_comes_after_what_this_transaction_has_changed(rows: Rows) -> None:
    rows.add(meeting())

    def work(tx: Transaction) -> None:
        tx.session.get_one(Meeting, "m").due_at = LATER
        due.set_due(tx, Meeting, "m", AT)

    assert rows.did(work).changed["m"]["due_at"] == AT


ROWS: dict[str, tuple[Meeting, dict[str, Any]]] = {
    "at rest": (meeting(due_at=None), {"due_at": AT, "dispatches": 0}),
    "due later": (meeting(due_at=LATER), {"due_at": AT, "dispatches": 0}),
    "due then": (meeting(due_at=AT), {}),
    "due earlier": (meeting(due_at=EARLIER), {}),
    "held": (held(due_at=LATER, dispatches=1), {}),
    "of another id": (meeting("n", due_at=LATER), {}),
}


@pytest.mark.parametrize(("row", "changes"), ROWS.values(), ids=ROWS)
def test_due_by_moves_a_row_that_nobody_holds_forward_only(rows: Rows, row: Meeting, changes: dict[str, Any]) -> None:
    rows.add(row)
    done = rows.did(lambda tx: due.due_by(tx, Meeting, {"m": AT}))
    assert done.changed == ({"m": changes} if changes else {})
    assert done.topics == {due_topic(AT)}
    assert done.messages == []


def test_due_by_gives_each_row_its_own_time_and_wakes_for_the_first(rows: Rows) -> None:
    rows.add(*(meeting(row_id, due_at=None) for row_id in "abc"))
    done = rows.did(lambda tx: due.due_by(tx, Meeting, {"c": LATER, "a": AT}))
    assert {row_id: changes["due_at"] for row_id, changes in done.changed.items()} == {"a": AT, "c": LATER}
    assert done.topics == {due_topic(AT)}


def test_due_by_without_rows_does_nothing(rows: Rows) -> None:
    assert rows.did(lambda tx: due.due_by(tx, Meeting, {})).topics == set()
