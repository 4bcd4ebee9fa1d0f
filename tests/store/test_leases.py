"""Leases: the rows that this process works on stay its own, and it knows for how long each is safe."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from sqlalchemy import ExceptionContext, event, text

from orchestrator.errors import LeaseLost, Stopping
from orchestrator.runtime.clock import elapsed
from orchestrator.store.leases import Lease, Leases
from schemas.tables import Meeting
from tests.store.rows import ANOTHER, LONG_AGO, Rows, claim_of, held
from tests.support.waiting import wait_until

LEASE_SECONDS = 0.3
"""Short, so that a renewal comes each tenth of a second."""
LONG_SECONDS = 60.0
MINE = claim_of(held())


@pytest.fixture
def make() -> Iterator[Callable[..., Leases]]:
    """Make leases whose thread ends with the test."""
    made: list[Leases] = []

    def leases(rows: Rows, **options: float) -> Leases:
        seconds = {"lease_seconds": LEASE_SECONDS, "deadline_seconds": LONG_SECONDS, "call_seconds": 0.0, **options}
        made.append(Leases(rows.database, **cast(Any, seconds)))
        return made[-1]

    yield leases
    for one in made:
        one.close()
        if one._thread is not None:
            one._thread.join(10)


@pytest.fixture
def leases(rows: Rows, make: Callable[..., Leases]) -> Leases:
    return make(rows)


def lease(valid_for: float, call_seconds: float, stopping: threading.Event | None = None) -> Lease:
    now = elapsed()
    return Lease(MINE, now + valid_for, now + LONG_SECONDS, call_seconds, stopping or threading.Event())


def test_a_call_that_ends_within_the_lease_may_begin() -> None:
    lease(valid_for=20, call_seconds=10).before_call()


@pytest.mark.parametrize(("valid_for", "call_seconds"), [(10, 20), (-1, 0), (-10, 5)])
def test_a_call_that_might_outlast_the_lease_may_not_begin(valid_for: float, call_seconds: float) -> None:
    with pytest.raises(LeaseLost, match=r"^the lease of m does not outlast a call$"):
        lease(valid_for, call_seconds).before_call()


@pytest.mark.parametrize("valid_for", [20, -1], ids=["ours", "lost"])
def test_a_process_that_stops_makes_no_further_call(valid_for: float) -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stopping):
        lease(valid_for, 10, stopping).before_call()


def test_a_held_row_is_safe_for_a_lease_from_before_its_start(rows: Rows, make: Callable[..., Leases]) -> None:
    with make(rows, lease_seconds=30, deadline_seconds=60, call_seconds=10).hold(MINE, 1000.0) as held_row:
        assert (held_row.claim, held_row.valid_until, held_row.deadline) == (MINE, 1030.0, 1060.0)


def test_the_calls_of_a_held_row_must_fit_into_its_lease(rows: Rows, make: Callable[..., Leases]) -> None:
    leases = make(rows, lease_seconds=30, call_seconds=10)
    with leases.hold(MINE, elapsed() - 15) as fits:
        fits.before_call()
    with leases.hold(MINE, elapsed() - 25) as late, pytest.raises(LeaseLost):
        late.before_call()


def test_a_held_row_is_renewed_again_and_again(rows: Rows, leases: Leases) -> None:
    rows.add(held())
    with leases.hold(MINE, elapsed()) as held_row:
        for _ in range(2):
            due_at, valid_until = rows.stored(Meeting).due_at, held_row.valid_until
            wait_until(lambda: rows.stored(Meeting).due_at > due_at and held_row.valid_until > valid_until)  # noqa: B023
        assert held_row.valid_until <= elapsed() + LEASE_SECONDS


def test_a_renewal_never_reaches_beyond_the_deadline(rows: Rows, make: Callable[..., Leases]) -> None:
    rows.add(held())
    with make(rows, deadline_seconds=LEASE_SECONDS + 0.05).hold(MINE, elapsed()) as held_row:
        wait_until(lambda: held_row.valid_until == held_row.deadline)


def test_a_row_beyond_its_deadline_or_no_longer_worked_on_is_not_renewed(
    rows: Rows, make: Callable[..., Leases]
) -> None:
    rows.add(held("a"), held("b"), held("c"))
    leases = make(rows, deadline_seconds=LONG_SECONDS)
    with leases.hold(claim_of(held("c")), elapsed()):
        pass
    with leases.hold(claim_of(held("a")), elapsed() - LONG_SECONDS), leases.hold(claim_of(held("b")), elapsed()):
        _wait_for_two_renewals(rows, "b")
    assert rows.stored(Meeting, "a").due_at == LONG_AGO
    assert rows.stored(Meeting, "c").due_at == LONG_AGO


def test_a_row_that_another_has_started_is_lost(rows: Rows, leases: Leases) -> None:
    rows.add(held("m", claim=8, holder=ANOTHER), held("b"))
    with leases.hold(MINE, elapsed() + LONG_SECONDS) as lost, leases.hold(claim_of(held("b")), elapsed()) as kept:
        wait_until(lambda: lost.valid_until == 0.0)
        assert kept.valid_until > 0.0
        with pytest.raises(LeaseLost):
            lost.before_call()
    assert rows.stored(Meeting).due_at == LONG_AGO


def test_a_row_that_is_locked_just_now_keeps_its_lease_until_it_can_be_renewed(
    concurrent_rows: Rows, make: Callable[..., Leases]
) -> None:
    concurrent_rows.add(held("a"), held("b"))
    leases = make(concurrent_rows)
    with leases.hold(claim_of(held("a")), elapsed() + LONG_SECONDS) as locked:
        valid_until = locked.valid_until
        with concurrent_rows.locked(Meeting, "a"), leases.hold(claim_of(held("b")), elapsed()):
            _wait_for_two_renewals(concurrent_rows, "b")
            assert locked.valid_until == valid_until, "neither lost nor renewed"
        wait_until(lambda: locked.valid_until < valid_until)


def test_the_end_of_an_older_hold_does_not_end_the_newer_one(rows: Rows, leases: Leases) -> None:
    rows.add(held(claim=8))
    older = leases.hold(MINE, elapsed())
    older.__enter__()
    with leases.hold(claim_of(held(claim=8)), elapsed()):
        older.__exit__(None, None, None)
        _wait_for_two_renewals(rows, "m")


def test_a_database_that_was_away_is_asked_again(rows: Rows, leases: Leases) -> None:
    rows.add(held(), held("b"))
    with leases.hold(MINE, elapsed()):
        with _away(rows, "meeting") as errors:
            leases.give_back_later(claim_of(held("b")))
            wait_until(lambda: len(errors) >= 3)
        _wait_for_two_renewals(rows, "m")
        wait_until(lambda: rows.stored(Meeting, "b").holder is None)


def test_a_row_is_given_back_when_the_database_answers(rows: Rows, leases: Leases) -> None:
    rows.add(held(due_at=LONG_AGO))
    with leases.hold(MINE, elapsed()):
        pass
    before = rows.now()
    leases.give_back_later(MINE)
    wait_until(lambda: rows.stored(Meeting).holder is None)
    given_back = rows.stored(Meeting)
    assert before <= given_back.due_at <= rows.now()
    assert given_back.tries == 1, "the pass never got its turn"


def test_a_row_is_given_back_once(rows: Rows, leases: Leases) -> None:
    rows.add(held(), held("b"))
    with leases.hold(claim_of(held("b")), elapsed()):
        leases.give_back_later(MINE)
        wait_until(lambda: rows.stored(Meeting).holder is None)
        given_back = rows.stored(Meeting)
        _wait_for_two_renewals(rows, "b")
        assert rows.stored(Meeting) == given_back


def test_a_row_that_another_has_started_meanwhile_is_left_to_that_one(rows: Rows, leases: Leases) -> None:
    rows.add(held("a", claim=8, holder=ANOTHER), held("b"))
    with leases.hold(claim_of(held("b")), elapsed()):
        leases.give_back_later(claim_of(held("a")))
        leases.give_back_later(claim_of(held("b")))
        wait_until(lambda: not leases._to_release)
    assert rows.stored(Meeting, "b").holder is None
    assert (rows.stored(Meeting, "a").holder, rows.stored(Meeting, "a").due_at) == (ANOTHER, LONG_AGO)


def test_once_calls_are_stopped_no_held_row_may_make_another_call(rows: Rows, make: Callable[..., Leases]) -> None:
    leases = make(rows, lease_seconds=LONG_SECONDS)
    with leases.hold(MINE, elapsed()) as before:
        before.before_call()
        leases.stop_calls()
        with leases.hold(claim_of(held("b")), elapsed()) as later:
            for one in (before, later):
                with pytest.raises(Stopping, match=r"^the worker was told to stop$"):
                    one.before_call()


def _wait_for_two_renewals(rows: Rows, row_id: str) -> None:
    """One may have been under way before; when the second is done, all that the first was to do is done."""
    for _ in range(2):
        due_at = rows.stored(Meeting, row_id).due_at
        wait_until(lambda: rows.stored(Meeting, row_id).due_at > due_at)  # noqa: B023


@contextmanager
def _away(rows: Rows, table: str) -> Iterator[list[str]]:
    """Take a table away; gives the errors that those get who ask for it."""
    errors: list[str] = []

    def note(context: ExceptionContext) -> None:
        errors.append(str(context.original_exception))

    _rename(rows, table, "away")
    event.listen(rows.database.engine, "handle_error", note)
    try:
        yield errors
    finally:
        event.remove(rows.database.engine, "handle_error", note)
        _rename(rows, "away", table)


def _rename(rows: Rows, table: str, name: str) -> None:
    with rows.database.transaction() as tx:
        tx.session.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
