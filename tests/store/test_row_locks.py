"""Locks on rows, where transactions go on beside each other: who waits, who passes a row over, who is not kept out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.store import due, scan
from orchestrator.store.database import Transaction
from schemas.tables import Meeting, Participant
from tests.store.rows import LEASE, LONG_AGO, ME, Rows, claim_of, held, meeting
from tests.support.waiting import wait_until

Verb = Callable[[Transaction], Any]

CLAIMS = [claim_of(held("b")), claim_of(held("a"))]

IN_ORDER: dict[str, Verb] = {
    "lock_rows": lambda tx: due.lock_rows(tx, Meeting, ["b", "a"]),
    "start_all": lambda tx: due.start_all(tx, Meeting, [("b", 7), ("a", 7)], holder=ME, lease=LEASE),
    "want": lambda tx: due.want(tx, Meeting, ["b", "a"]),
    "record_all": lambda tx: due.record_all(tx, CLAIMS, {"a", "b"}),
    "forget_dispatches": lambda tx: scan.forget_dispatches(tx, Meeting),
}


@pytest.mark.parametrize("verb", IN_ORDER.values(), ids=IN_ORDER)
def test_rows_are_locked_in_the_order_of_their_ids(concurrent_rows: Rows, verb: Verb) -> None:
    concurrent_rows.add(meeting("b"), meeting("a"))  # as they lie in the table
    with ThreadPoolExecutor() as pool, concurrent_rows.locked(Meeting, "a"):
        working = pool.submit(concurrent_rows.did, verb)
        wait_until(lambda: concurrent_rows.waiters() == 1 or working.done())
        assert not working.done(), "it waits for the row that is locked"
        assert concurrent_rows.is_free(Meeting, "b"), "it has not locked the other row before"
    working.result(10)


LETS_INSERT: dict[str, Verb] = {
    "lock_rows": lambda tx: due.lock_rows(tx, Meeting, ["m"]),
    "start_all": lambda tx: due.start_all(tx, Meeting, [("m", 7)], holder=ME, lease=LEASE),
    "take_free": lambda tx: due.take_free(tx, Meeting, [("m", 7)]),
    "want": lambda tx: due.want(tx, Meeting, ["m"]),
    "renew_all": lambda tx: due.renew_all(tx, Meeting, [claim_of(held())], LEASE),
    "record": lambda tx: due.record(tx, claim_of(held())),
    "record_all": lambda tx: due.record_all(tx, [claim_of(held())], {"m"}),
    "release": lambda tx: due.release(tx, claim_of(held()), due_at=LONG_AGO),
    "dispatch_due": lambda tx: scan.dispatch_due(tx, Meeting, 9, {}),
    "forget_dispatches": lambda tx: scan.forget_dispatches(tx, Meeting),
}


@pytest.mark.parametrize("verb", LETS_INSERT.values(), ids=LETS_INSERT)
def test_rows_that_point_to_a_locked_row_are_inserted_meanwhile(concurrent_rows: Rows, verb: Verb) -> None:
    concurrent_rows.add(held() if verb in (LETS_INSERT["renew_all"], LETS_INSERT["record"]) else meeting())
    with concurrent_rows.database.transaction() as tx:
        verb(tx)
        with concurrent_rows.database.transaction() as other:
            other.session.execute(text("SET LOCAL lock_timeout = '200ms'"))
            other.session.add(_participant())


@pytest.mark.parametrize("verb", ["renew_all", "dispatch_due"])
def test_a_row_to_which_another_just_points_is_not_passed_over(concurrent_rows: Rows, verb: str) -> None:
    concurrent_rows.add(held(due_at=LONG_AGO))
    with concurrent_rows.database.transaction() as inserting:
        inserting.session.add(_participant())
        inserting.session.flush()
        assert concurrent_rows.did(LETS_INSERT[verb]).changed.keys() == {"m"}


def _participant() -> Participant:
    return Participant(meeting_id="m", custom_participant_id="grace", name="Grace", created_at=LONG_AGO)
