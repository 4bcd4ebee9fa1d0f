"""record and record_all: nothing is written for a row that somebody else has started since."""

import pytest
from sqlalchemy import text

from orchestrator.errors import LeaseLost
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.due import Claim
from schemas.tables import Breakout, Meeting
from tests.store.rows import ANOTHER, LONG_AGO, Rows, breakout, claim_of, held, meeting

GOOD = {
    "held": held(),
    "held beyond its lease": held(due_at=LONG_AGO),
    "given up by the timekeeper, and not started since": meeting(),
    "wanted to be something else meanwhile": held(generation=4),
}
MINE = claim_of(held())


@pytest.mark.parametrize("row", GOOD.values(), ids=GOOD)
def test_progress_resets_the_tries_and_says_when(rows: Rows, row: Meeting) -> None:
    rows.add(row, held("n"))
    done = rows.did(lambda tx: due.record(tx, MINE))
    assert done.changed == {"m": {"tries": 0, "progressed_at": done.at()}}


@pytest.mark.parametrize("row", GOOD.values(), ids=GOOD)
def test_a_record_without_progress_leaves_the_row_as_it_is(rows: Rows, row: Meeting) -> None:
    rows.add(row)
    assert rows.did(lambda tx: due.record(tx, MINE, progress=False)).changed == {}


@pytest.mark.parametrize("progress", [True, False], ids=["with progress", "without"])
@pytest.mark.parametrize("fence", [6, 8], ids=["moved on", "to come"])
def test_a_claim_that_is_not_the_rows_writes_nothing(rows: Rows, fence: int, progress: bool) -> None:
    rows.add(held(holder=ANOTHER))
    with pytest.raises(LeaseLost, match=r"^meeting m is somebody else's by now$"):
        rows.did(lambda tx: due.record(tx, claim_of(held(), fence=fence), progress=progress))
    stored = rows.stored(Meeting)
    assert (stored.tries, stored.progressed_at) == (2, LONG_AGO)


def test_a_row_that_is_gone_is_lost(rows: Rows) -> None:
    with pytest.raises(LeaseLost, match=r"^breakout b is somebody else's by now$"):
        rows.did(lambda tx: due.record(tx, Claim(Breakout, "b", 7, 3, 1)))


def test_of_several_rows_those_whose_claim_is_good_are_recorded(rows: Rows) -> None:
    rows.add(held("a"), held("b"), held("c", claim=8), meeting("d"), held("e"))
    claims = [claim_of(held(row_id)) for row_id in "dcba"]
    done = rows.did(lambda tx: due.record_all(tx, claims, {"a", "c", "d"}))
    assert done.answer.keys() == {"a", "b", "d"}
    progressed = {"tries": 0, "progressed_at": done.at()}
    assert done.changed == {"a": progressed, "d": progressed}


def test_a_row_of_another_rows_fence_is_lost(rows: Rows) -> None:
    rows.add(held("a", claim=1), held("b", claim=2))
    claims = [claim_of(held("a", claim=2)), claim_of(held("b", claim=1))]
    done = rows.did(lambda tx: due.record_all(tx, claims, {"a", "b"}))
    assert (done.answer, done.changed) == ({}, {})


def test_the_rows_recorded_are_as_they_are_stored_whatever_was_read_before(rows: Rows) -> None:
    rows.add(meeting(), breakout())

    def work(tx: Transaction) -> Breakout:
        read = tx.session.get_one(Breakout, "b")
        tx.session.execute(text("UPDATE breakout SET name = 'New'"))
        assert due.record_all(tx, [claim_of(breakout())], {"b"}) == {"b": read}
        return read

    recorded = rows.did(work).answer
    assert (recorded.name, recorded.tries) == ("New", 0)
