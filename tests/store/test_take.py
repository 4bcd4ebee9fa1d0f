"""take and take_free: start and finish in one transaction."""

from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY
from sqlalchemy import text

from orchestrator.log import begin
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.tables import Meeting
from tests.store.rows import LONG_AGO, Rows, held, meeting


def take(claim: int = 7) -> Any:
    return lambda tx: due.take(tx, Meeting, "m", claim)


def _stale() -> float:
    return REGISTRY.get_sample_value("breakouts_stale_messages_total", {"table": "meeting"}) or 0.0


def test_a_take_consumes_the_claim_and_leaves_nothing_due(rows: Rows) -> None:
    rows.add(meeting(dispatches=4), meeting("n"))
    stale = _stale()
    done = rows.did(take())
    assert done.changed == {"m": {"claim": 8, "tries": 4, "dispatches": 0, "due_at": None}}
    assert (done.answer.row.id, done.answer.row.claim) == ("m", 8)
    assert (done.messages, done.topics) == ([], set())
    assert _stale() == stale


@pytest.mark.parametrize(
    ("row", "claim"),
    [(meeting(), 6), (meeting(), 8), (held(), 7), (held(due_at=LONG_AGO), 7), (meeting("n"), 7)],
    ids=["stale message", "claim to come", "held", "held beyond its lease", "no such row"],
)
def test_a_row_is_not_taken_twice(rows: Rows, row: Meeting, claim: int) -> None:
    rows.add(row)
    stale = _stale()
    done = rows.did(take(claim))
    assert (done.answer, done.changed) == (None, {})
    assert _stale() == stale + 1


def test_the_row_is_as_it_is_stored_whatever_was_read_before(rows: Rows) -> None:
    rows.add(meeting())

    def work(tx: Transaction) -> Meeting:
        read = tx.session.get_one(Meeting, "m")
        tx.session.execute(text("UPDATE meeting SET title = 'New'"))
        taken = due.take(tx, Meeting, "m", 7)
        assert taken is not None
        assert taken.row is read
        return read

    taken = rows.did(work).answer
    assert (taken.title, taken.claim) == ("New", 8)


@pytest.mark.parametrize(("dispatches", "attempt"), [(0, 1), (1, 1), (2, 2), (5, 5)])
def test_log_lines_say_the_how_manieth_message_began_it(rows: Rows, dispatches: int, attempt: int) -> None:
    rows.add(meeting(dispatches=dispatches))
    begin()
    rows.did(take())
    assert structlog.contextvars.get_contextvars() == {"attempt": attempt}


def test_of_several_those_are_taken_whose_claims_are_good(rows: Rows) -> None:
    rows.add(meeting("a", dispatches=4), meeting("b"), held("c"), meeting("d"))
    asked = [("a", 7), ("b", 6), ("c", 7), ("gone", 7)]
    done = rows.did(lambda tx: due.take_free(tx, Meeting, asked))
    assert done.changed == {"a": {"claim": 8, "tries": 4, "dispatches": 0, "due_at": None}}
    assert (done.messages, done.topics) == ([], set())


def test_one_that_somebody_has_locked_is_passed_over(concurrent_rows: Rows) -> None:
    concurrent_rows.add(meeting("a"), meeting("b"))
    with concurrent_rows.locked(Meeting, "a"):
        done = concurrent_rows.did(lambda tx: due.take_free(tx, Meeting, [("a", 7), ("b", 7)]))
    assert done.changed.keys() == {"b"}
