"""The order of locks: every pair of tables in both orders, and real transactions that are refused."""

from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlmodel import SQLModel, col

from orchestrator.errors import LockedOutOfOrder
from orchestrator.store.database import Transaction
from orchestrator.store.due import lock_rows
from orchestrator.store.lock_order import LockOrder
from schemas.tables import Breakout, Fact, Meeting, Participant, Room, Seat
from tests.store.rows import Rows, breakout, meeting, room

TABLES = ("breakout", "meeting", "room", "seat", "participant")
ALLOWED = {
    ("breakout", "meeting"),
    ("breakout", "room"),
    ("breakout", "seat"),
    ("breakout", "participant"),
    ("meeting", "participant"),
    ("room", "seat"),
    ("room", "participant"),
    ("seat", "participant"),
}
"""Pairs of which the first may be locked first. A meeting goes with rooms and seats only under the breakout's lock."""


def lock(*tables: str) -> None:
    order = LockOrder()
    for table in tables:
        order.lock(table)


@pytest.mark.parametrize(("first", "then"), list(permutations(TABLES, 2)))
def test_every_pair(first: str, then: str) -> None:
    if (first, then) in ALLOWED:
        lock(first, then)
        return
    with pytest.raises(LockedOutOfOrder):
        lock(first, then)


@pytest.mark.parametrize(("first", "then"), list(permutations(TABLES[1:], 2)))
def test_every_pair_under_the_breakouts_lock(first: str, then: str) -> None:
    if (first, then) in ALLOWED or ("meeting" in (first, then) and "participant" not in (first, then)):
        lock("breakout", first, then)
        return
    with pytest.raises(LockedOutOfOrder):
        lock("breakout", first, then)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_may_be_locked_again(table: str) -> None:
    lock(*TABLES, table)
    lock(table, table)


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        (("participant", "seat"), "seat must be locked before participant"),
        (("participant", "seat", "breakout"), "seat must be locked before participant"),
        (("room", "seat", "breakout"), "breakout must be locked before room, seat"),
        (("meeting", "room"), "a meeting and rooms or seats are locked together only under their breakout's lock"),
        (("seat", "meeting"), "a meeting and rooms or seats are locked together only under their breakout's lock"),
    ],
    ids=lambda value: " then ".join(value) if isinstance(value, tuple) else "",
)
def test_a_refusal_says_what_comes_first(tables: tuple[str, ...], why: str) -> None:
    with pytest.raises(LockedOutOfOrder) as caught:
        lock(*tables)
    assert str(caught.value) == why


def test_a_refused_lock_is_not_held() -> None:
    order = LockOrder()
    order.lock("meeting")
    with pytest.raises(LockedOutOfOrder):
        order.lock("room")
    order.lock("participant")


@pytest.mark.parametrize("first", TABLES)
def test_other_tables_have_no_order(first: str) -> None:
    lock("delivery", first, "delivery", "event")


@pytest.mark.parametrize("made", ["breakout", "meeting"])
@pytest.mark.parametrize("then", TABLES)
def test_a_breakout_or_meeting_that_was_made_is_held(made: str, then: str) -> None:
    order = LockOrder()
    order.make(made)
    if made == then or (made, then) in ALLOWED:
        order.lock(then)
        return
    with pytest.raises(LockedOutOfOrder):
        order.lock(then)


@pytest.mark.parametrize("made", ["room", "seat", "participant", "event"])
@pytest.mark.parametrize("then", TABLES)
def test_other_rows_that_were_made_are_not_held(made: str, then: str) -> None:
    order = LockOrder()
    order.make(made)
    order.lock(then)


Statement = Callable[[Transaction], Any]


def both(first: Statement, then: Statement) -> Statement:
    """One after the other in one transaction."""

    def work(tx: Transaction) -> None:
        first(tx)
        then(tx)

    return work


def rename(table: type[Breakout | Room], row_id: str) -> Statement:
    def work(tx: Transaction) -> None:
        tx.session.get_one(table, row_id).name = "New"
        tx.session.flush()

    return work


def add_room(tx: Transaction) -> None:
    tx.session.add(room("s", 1))
    tx.session.flush()


FIRST: dict[str, Statement] = {
    "a select that locks": lambda tx: lock_rows(tx, Room, ["r"]),
    "an update": lambda tx: tx.session.execute(update(Room).values(name="New")),
    "a delete": lambda tx: tx.session.execute(delete(Room).where(col(Room.id) == "nobody")),
    "a changed row": rename(Room, "r"),
}
THEN: dict[str, Statement] = {
    "a select that locks": lambda tx: lock_rows(tx, Breakout, ["b"]),
    "an update": lambda tx: tx.session.execute(update(Breakout).values(name="New")),
    "a delete": lambda tx: tx.session.execute(delete(Breakout).where(col(Breakout.id) == "nobody")),
    "a changed row": rename(Breakout, "b"),
    "a select of several tables": lambda tx: tx.session.execute(
        select(Breakout, Participant).where(col(Breakout.id) == "b").with_for_update()
    ),
    "a select of what a subquery locks": lambda tx: tx.session.execute(
        select(select(Breakout).where(col(Breakout.id) == "b").with_for_update().subquery())
    ),
}


@pytest.mark.parametrize("then", THEN.values(), ids=THEN)
@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_a_transaction_that_locks_out_of_order_is_refused(rows: Rows, first: Statement, then: Statement) -> None:
    rows.add(meeting(), breakout(), room())
    with pytest.raises(LockedOutOfOrder, match="breakout must be locked before room"):
        rows.did(both(first, then))
    assert rows.stored(Room).name == "Room 1", "nothing of it was kept"
    rows.did(both(lambda tx: lock_rows(tx, Breakout, ["b"]), first))


TURN = "a turn must be taken before any row is locked or written"
HOLDING = {**FIRST, "a new room": add_room, "a table without an order": lambda tx: tx.session.execute(delete(Fact))}


@pytest.mark.parametrize("first", HOLDING.values(), ids=HOLDING)
def test_nobody_waits_for_a_turn_with_rows_in_hand(rows: Rows, first: Statement) -> None:
    rows.add(meeting(), breakout(), room())
    with pytest.raises(LockedOutOfOrder, match=TURN):
        rows.did(both(first, lambda tx: tx.take_turn("it")))
    rows.did(both(lambda tx: tx.take_turn("it"), both(first, lambda tx: tx.take_turn("it"))))
    rows.did(both(lambda tx: tx.session.execute(select(Breakout)), lambda tx: tx.take_turn("it")))


def test_one_statement_may_lock_rows_of_several_tables(rows: Rows) -> None:
    statement = select(Participant, Seat, Room).where(
        col(Seat.participant_id) == col(Participant.id), col(Seat.room_id) == col(Room.id)
    )
    rows.did(lambda tx: tx.session.execute(statement.with_for_update()))


READS: dict[str, Statement] = {
    "a select": lambda tx: tx.session.execute(select(Breakout)),
    "a row": lambda tx: tx.session.get_one(Breakout, "b"),
    "a table without an order": lambda tx: tx.session.execute(select(Fact).with_for_update()),
    "SQL": lambda tx: tx.now(),
    "a new room": add_room,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_locks_no_row_is_allowed_at_any_time(rows: Rows, read: Statement) -> None:
    rows.add(meeting(), breakout(), room())
    rows.did(both(lambda tx: tx.session.execute(update(Participant).values(name="New")), read))


def test_a_breakout_that_was_just_made_takes_rooms_and_its_meeting(rows: Rows) -> None:
    rows.add(meeting())

    def work(tx: Transaction) -> None:
        for row in (breakout(), room()):
            tx.session.add(row)
            tx.session.flush()
        lock_rows(tx, Room, ["r"])
        lock_rows(tx, Meeting, ["m"])

    rows.did(work)


def test_a_meeting_that_was_just_made_is_held(rows: Rows) -> None:
    def work(tx: Transaction) -> None:
        tx.session.add(meeting())
        tx.session.flush()
        lock_rows(tx, Breakout, ["b"])

    with pytest.raises(LockedOutOfOrder, match="breakout must be locked before meeting"):
        rows.did(work)


def test_each_transaction_begins_anew(rows: Rows) -> None:
    rows.add(meeting(), breakout(), room())
    for table in (Participant, Seat, Room, Breakout):
        rows.did(partial(_lock_all, table=table))


def _lock_all(tx: Transaction, table: type[SQLModel]) -> None:
    tx.session.execute(select(table).with_for_update())
