"""renew_all: the leases of the rows that are still ours, as far as nobody has them locked just now."""

import pytest

from orchestrator.store import due
from orchestrator.store.due import Renewal
from schemas.tables import Meeting
from tests.store.rows import ANOTHER, LEASE, LONG_AGO, Rows, claim_of, held, meeting

MINE = claim_of(held())


def renewal(renewed: str, ours: str) -> Renewal:
    return Renewal(frozenset(renewed), frozenset(ours))


OURS = {"held": held(), "late": held(due_at=LONG_AGO), "wanted to be something else": held(generation=4)}


@pytest.mark.parametrize("row", OURS.values(), ids=OURS)
def test_a_row_that_is_ours_is_held_for_another_lease(rows: Rows, row: Meeting) -> None:
    rows.add(row, held("n"))
    done = rows.did(lambda tx: due.renew_all(tx, Meeting, [MINE], LEASE))
    assert done.answer == renewal("m", "m")
    assert done.changed == {"m": {"due_at": done.at(LEASE.total_seconds())}}
    assert (done.messages, done.topics) == ([], set())


LOST = {
    "started by somebody else": held(claim=8, holder=ANOTHER),
    "given up by the timekeeper": meeting(),
    "of an older claim": held(claim=6),
    "gone": meeting("n"),
}


@pytest.mark.parametrize("row", LOST.values(), ids=LOST)
def test_a_row_that_is_not_ours_is_left_alone(rows: Rows, row: Meeting) -> None:
    rows.add(row)
    done = rows.did(lambda tx: due.renew_all(tx, Meeting, [MINE], LEASE))
    assert (done.answer, done.changed) == (renewal("", ""), {})


def test_of_several_rows_those_that_are_ours_are_renewed(rows: Rows) -> None:
    rows.add(held("a"), held("b", claim=8), meeting("c"), held("d"), held("e"))
    done = rows.did(lambda tx: due.renew_all(tx, Meeting, [claim_of(held(row_id)) for row_id in "dcba"], LEASE))
    assert done.answer == renewal("ad", "ad")
    assert done.changed.keys() == {"a", "d"}


def test_a_row_of_another_rows_claim_is_not_ours(rows: Rows) -> None:
    rows.add(held("a", claim=1), held("b", claim=2))
    claims = [claim_of(held("a", claim=2)), claim_of(held("b", claim=1))]
    assert rows.did(lambda tx: due.renew_all(tx, Meeting, claims, LEASE)).answer == renewal("", "")


def test_a_row_that_somebody_has_locked_is_ours_and_left_to_the_next_renewal(concurrent_rows: Rows) -> None:
    concurrent_rows.add(held("a"), held("b"))
    claims = [claim_of(held("a")), claim_of(held("b"))]
    with concurrent_rows.locked(Meeting, "a"):
        done = concurrent_rows.did(lambda tx: due.renew_all(tx, Meeting, claims, LEASE))
    assert done.answer == renewal("b", "ab")
    assert done.changed.keys() == {"b"}
