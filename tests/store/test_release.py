"""release and release_all: the row is given back, and due at once when more was wanted meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.events import due_topic
from schemas.tables import Breakout, Meeting, Room
from tests.store.rows import LONG_AGO, Rows, breakout, claim_of, held, meeting, room

AT = LONG_AGO + timedelta(days=1)
MINE = claim_of(held())
GIVEN_BACK = {"holder": None, "due_at": AT}


def release(due_at: Any = AT, **more: Any) -> Any:
    return lambda tx: due.release(tx, MINE, due_at=due_at, **more)


def test_a_released_row_is_due_at_its_next_time_and_the_timekeeper_is_told(rows: Rows) -> None:
    rows.add(held(dispatches=2), held("n"))
    done = rows.did(release())
    assert done.changed == {"m": {**GIVEN_BACK, "dispatches": 0}}
    assert (done.messages, done.topics) == ([], {due_topic(AT)})


def test_a_row_that_has_nothing_left_to_do_is_at_rest(rows: Rows) -> None:
    rows.add(held())
    done = rows.did(release(None))
    assert done.changed == {"m": {"holder": None, "due_at": None}}
    assert (done.messages, done.topics) == ([], set())


@pytest.mark.parametrize("due_at", [AT, None], ids=["at a time", "at rest"])
@pytest.mark.parametrize("generation", [2, 4], ids=["lower", "higher"])
def test_a_row_whose_generation_has_moved_on_is_sent_at_once(rows: Rows, generation: int, due_at: Any) -> None:
    rows.add(held(generation=generation))
    done = rows.did(release(due_at))
    assert done.changed == {"m": {"holder": None, "dispatches": 1, "due_at": done.at(5)}}
    assert (done.sent, done.topics) == ([("m", 7)], set())


@pytest.mark.parametrize("due_at", [AT, None], ids=["at a time", "at rest"])
@pytest.mark.parametrize("generation", [3, 4], ids=["same generation", "moved on"])
def test_a_lost_row_is_left_to_whoever_has_it(rows: Rows, generation: int, due_at: Any) -> None:
    rows.add(held(claim=8, holder="another", generation=generation, dispatches=2))
    done = rows.did(release(due_at))
    assert (done.changed, done.messages, done.topics) == ({}, [], set())


def test_a_row_that_the_timekeeper_gave_up_and_nobody_has_started_is_released(rows: Rows) -> None:
    rows.add(meeting(dispatches=1))
    assert rows.did(release()).changed == {"m": {"due_at": AT, "dispatches": 0}}


@pytest.mark.parametrize(
    ("tries", "untried", "left"),
    [(2, False, 2), (2, True, 1), (1, True, 0), (1, False, 1), (0, True, 0), (0, False, 0)],
)
def test_a_pass_that_never_got_its_turn_takes_its_try_back(rows: Rows, tries: int, untried: bool, left: int) -> None:
    rows.add(held(tries=tries))
    rows.did(release(untried=untried))
    assert rows.stored(Meeting).tries == left


def test_what_this_transaction_has_changed_is_written_first(rows: Rows) -> None:
    rows.add(held())

    def work(tx: Transaction) -> None:
        tx.session.get_one(Meeting, "m").due_at = LONG_AGO + timedelta(days=9)
        due.release(tx, MINE, due_at=AT)

    assert rows.did(work).changed == {"m": GIVEN_BACK}


def test_all_that_are_released_are_at_rest_and_their_tries_forgotten(rows: Rows) -> None:
    rows.add(held("a", dispatches=2), held("b", tries=5), held("c"))
    done = rows.did(lambda tx: due.release_all(tx, [claim_of(held("b")), claim_of(held("a"))]))
    at_rest = {"holder": None, "due_at": None, "tries": 0}
    assert done.changed == {"a": {**at_rest, "dispatches": 0}, "b": at_rest}
    assert (done.messages, done.topics) == ([], set())


def test_of_all_that_are_released_those_whose_generation_has_moved_on_are_sent_at_once(rows: Rows) -> None:
    rows.add(held("a"), held("b", generation=4), held("c", generation=9), held("d", generation=2))
    claims = [claim_of(held(row_id)) for row_id in "abd"] + [claim_of(held("c", generation=9))]
    done = rows.did(lambda tx: due.release_all(tx, claims))
    again = {"holder": None, "tries": 0, "dispatches": 1, "due_at": done.at(5)}
    at_rest = {"holder": None, "tries": 0, "due_at": None}
    assert done.changed == {"a": at_rest, "b": again, "c": at_rest, "d": again}
    assert done.sent == [("b", 7), ("d", 7)]


def test_rows_of_several_tables_are_released_at_once(rows: Rows) -> None:
    mine: dict[str, Any] = {"holder": "me", "dispatches": 0}
    rows.add(meeting(), breakout(**mine), room(**mine, generation=4))
    done = rows.did(lambda tx: due.release_all(tx, [claim_of(breakout()), claim_of(room())]))
    assert done.changed.keys() == {"b", "r"}
    assert rows.stored(Breakout).due_at is None
    assert rows.stored(Room).due_at is not None
    assert done.sent == [("r", 7)]


def test_all_that_are_released_see_what_this_transaction_has_wanted(rows: Rows) -> None:
    rows.add(held())

    def work(tx: Transaction) -> None:
        tx.session.get_one(Meeting, "m").generation = 4
        due.release_all(tx, [MINE])

    assert rows.did(work).sent == [("m", 7)]
