"""start_all: consume the claims asked for and hold the rows; what is stale or held is left out."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from prometheus_client import REGISTRY

from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.due import Claim
from schemas.tables import Breakout, Meeting
from tests.store.rows import ANOTHER, LEASE, LONG_AGO, ME, Rows, breakout, held, meeting


def start(*asked: tuple[str, int]) -> Any:
    """Start what was asked for, in one transaction."""

    def work(tx: Transaction) -> dict[str, Claim]:
        return due.start_all(tx, Meeting, asked, holder=ME, lease=LEASE)

    return work


@pytest.fixture
def stale() -> Callable[[], float]:
    """How many stale messages were counted for meetings since."""
    before = _stale("meeting")
    return lambda: _stale("meeting") - before


def _stale(table: str) -> float:
    return REGISTRY.get_sample_value("breakouts_stale_messages_total", {"table": table}) or 0.0


def test_a_start_consumes_the_claim_and_holds_the_row(rows: Rows, stale: Callable[[], float]) -> None:
    rows.add(meeting(dispatches=3))
    done = rows.did(start(("m", 7)))
    lease = done.at(LEASE.total_seconds())
    assert done.changed == {"m": {"claim": 8, "holder": ME, "due_at": lease, "tries": 3, "dispatches": 0}}
    assert done.answer == {"m": Claim(Meeting, "m", fence=8, generation=3, tries=3)}
    assert stale() == 0


def test_the_first_try_since_progress_is_when_trying_began(rows: Rows) -> None:
    rows.add(meeting(tries=0))
    done = rows.did(start(("m", 7)))
    assert done.changed["m"]["trying_since"] == done.at()
    assert done.changed["m"]["tries"] == 1


def test_a_further_try_leaves_when_trying_began(rows: Rows) -> None:
    rows.add(meeting(tries=1))
    assert "trying_since" not in rows.did(start(("m", 7))).changed["m"]


@pytest.mark.parametrize(
    ("row", "claim"),
    [
        (meeting(), 6),
        (meeting(), 8),
        (held(), 7),
        (held(holder=ANOTHER, due_at=LONG_AGO), 7),
        (held(), 6),
        (meeting("n"), 7),
    ],
    ids=["stale message", "claim to come", "held by us", "held beyond its lease", "held and stale", "no such row"],
)
def test_a_row_is_not_started_twice(rows: Rows, row: Meeting, claim: int, stale: Callable[[], float]) -> None:
    rows.add(row)
    done = rows.did(start(("m", claim)))
    assert (done.answer, done.changed) == ({}, {})
    assert stale() == 1


def test_of_several_rows_those_that_are_fresh_start(rows: Rows, stale: Callable[[], float]) -> None:
    rows.add(meeting("a"), meeting("b", claim=9), held("c"), meeting("d", claim=9), meeting("e"))
    done = rows.did(start(("d", 9), ("a", 7), ("b", 7), ("c", 7)))
    assert set(done.changed) == set(done.answer) == {"a", "d"}
    assert {row_id: claim.fence for row_id, claim in done.answer.items()} == {"a": 8, "d": 10}
    assert stale() == 2


def test_a_row_of_another_row_s_claim_is_stale(rows: Rows) -> None:
    rows.add(meeting("a", claim=1), meeting("b", claim=2))
    assert rows.did(start(("a", 2), ("b", 1))).answer == {}


def test_the_same_message_twice_starts_a_row_once(rows: Rows, stale: Callable[[], float]) -> None:
    rows.add(meeting())
    assert rows.did(start(("m", 7), ("m", 7))).changed["m"]["claim"] == 8
    assert rows.did(start(("m", 7))).changed == {}
    assert stale() == 2


def test_a_stale_message_counts_for_its_own_table(rows: Rows) -> None:
    rows.add(meeting(), breakout())
    before = _stale("breakout")
    rows.did(lambda tx: due.start_all(tx, Breakout, [("b", 1)], holder=ME, lease=LEASE))
    assert _stale("breakout") - before == 1


def test_a_start_that_is_rolled_back_counts_nothing(rows: Rows, stale: Callable[[], float]) -> None:
    rows.add(meeting())
    with suppress(InterruptedError), rows.database.transaction() as tx:
        start(("m", 6))(tx)
        raise InterruptedError
    assert stale() == 0
