"""Many rows that are written at once: what stands in the database afterwards, and in how many statements."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import SQLModel, col

from orchestrator.store.bulk import FEWEST, insert_all, update_all
from orchestrator.store.database import Transaction
from schemas.states import FactSource, Location, SeatState
from schemas.tables import Event, Fact, Inbox, Participant, Presence, Seat
from tests.store.rows import Rows, breakout, meeting, room
from tests.support.queries import count_queries
from tests.support.waiting import wait_until

AT = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)
WORDS = ["plain", 'Žofie "Q" \\ o\'Neil', "三人 🧑‍🏫\n\ttab", r"\u0041", "null", "", "%(id)s :id {}"]
"""Texts that JSON, SQL or a driver could take for something else."""
MANY = FEWEST * 2


@pytest.fixture
def seats(rows: Rows) -> list[str]:
    """Store MANY people and their seats in a room. Returns the ids of the seats, which are those of the people."""
    ids = [f"{number:02}" for number in range(MANY)]
    rows.add(meeting(), breakout(), room(), Inbox(id="m"))
    rows.add(*(_person(it) for it in ids))
    rows.add(*(Seat(id=it, breakout_id="b", room_id="r", participant_id=it) for it in ids))
    return ids


def _person(row_id: str) -> Participant:
    told: dict[str, Any] = {"custom_participant_id": f"p{row_id}", "name": f"Person {row_id}", "created_at": AT}
    return Participant(id=row_id, meeting_id="m", **told)


def _all(rows: Rows, table: type[SQLModel], *order: Any) -> list[Any]:
    with rows.database.reading() as session:
        return list(session.scalars(select(table).order_by(*order)))


def _change(rows: Rows, how: Callable[[Transaction, list[Seat]], None]) -> int:
    """Change all seats in one transaction. Returns how many statements that takes."""

    def work() -> None:
        with rows.database.transaction() as tx:
            how(tx, list(tx.session.scalars(select(Seat).order_by(col(Seat.id)))))

    return count_queries(rows.database, work)


def test_what_is_inserted_is_read_as_it_was(rows: Rows) -> None:
    rows.add(meeting(), breakout())
    data: list[Any] = [{"words": WORDS, "none": None, "deep": {"a": [1, 2.5, True]}}, {}, *({"it": it} for it in WORDS)]
    events = [
        {"breakout_id": "b", "number": number, "type": "problem", "at": AT, "actor": actor, "data": one}
        for number, (one, actor) in enumerate(zip(data, [*WORDS, "x", "y"], strict=True), 1)
    ]
    with rows.database.transaction() as tx:
        insert_all(tx.session, Event, events)
    assert [one.model_dump() for one in _all(rows, Event, col(Event.number))] == events


def test_one_that_is_there_is_passed_over_and_the_others_are_inserted(rows: Rows) -> None:
    rows.add(meeting(), Inbox(id="m"))

    def store(ids: list[str], payload: str) -> None:
        of_all = {"inbox_id": "m", "source": FactSource.WEBHOOK, "received_at": AT, "payload": payload}
        with rows.database.transaction() as tx:
            insert_all(tx.session, Fact, [{"id": it} | of_all for it in ids], passing_over=True)

    store(["a", "b"], "first")
    store(["b", "c"], "second")
    assert [(one.id, one.payload) for one in _all(rows, Fact, col(Fact.id))] == [
        ("a", "first"),
        ("b", "first"),
        ("c", "second"),
    ]


def test_nothing_is_written_for_no_rows(rows: Rows) -> None:
    def work() -> None:
        with rows.database.transaction() as tx:
            insert_all(tx.session, Event, [])
            update_all(tx.session, Participant, [])

    assert count_queries(rows.database, work) == 0


@pytest.mark.parametrize("many", [1, MANY])
def test_rows_are_changed_by_their_ids(rows: Rows, seats: list[str], many: int) -> None:
    changes: list[dict[str, Any]] = [
        {"id": it, "location": Location.ROOM, "location_room_id": "r", "token_renew_at": AT, "name": WORDS[int(it) % 5]}
        for it in seats[:many]
    ]
    with rows.database.transaction() as tx:
        update_all(tx.session, Participant, changes)
    for person, change in zip(_all(rows, Participant, col(Participant.id)), changes, strict=False):
        assert {name: getattr(person, name) for name in change} == change
    assert all(it.location is Location.AWAY for it in _all(rows, Participant, col(Participant.id))[many:])


def test_json_is_changed_too(rows: Rows, seats: list[str]) -> None:
    with rows.database.transaction() as tx:
        update_all(tx.session, Participant, [{"id": it, "attributes": {"level": it}} for it in seats])
    assert [it.attributes for it in _all(rows, Participant, col(Participant.id))] == [{"level": it} for it in seats]


@pytest.mark.usefixtures("seats")
@pytest.mark.parametrize("rows", ["postgresql"], indirect=True)
@pytest.mark.parametrize("many", [FEWEST, MANY])
def test_a_flush_writes_rows_that_have_changed_alike_in_one_statement(rows: Rows, many: int) -> None:
    def change(_: Transaction, found: list[Seat]) -> None:
        for seat in found[:many]:
            seat.state, seat.error, seat.token_made_at = SeatState.ADMITTED, WORDS[int(seat.id) % len(WORDS)], AT

    begin_and_select = 2
    assert _change(rows, change) == begin_and_select + 1
    after = _all(rows, Seat, col(Seat.id))
    assert [it.error for it in after[:many]] == [WORDS[int(it.id) % len(WORDS)] for it in after[:many]]
    assert {(it.state, it.token_made_at) for it in after[:many]} == {(SeatState.ADMITTED, AT)}
    assert {it.state for it in after[many:]} <= {SeatState.ASSIGNED}


@pytest.mark.usefixtures("seats")
@pytest.mark.parametrize("rows", ["postgresql"], indirect=True)
def test_what_is_set_to_what_it_was_is_not_written(rows: Rows) -> None:
    def change(_: Transaction, found: list[Seat]) -> None:
        for seat in found:
            seat.state, seat.error = SeatState.ASSIGNED, None

    begin_and_select = 2
    assert _change(rows, change) == begin_and_select


@pytest.mark.usefixtures("seats")
def test_objects_stand_for_what_was_written_and_may_be_changed_again(rows: Rows) -> None:
    def change(tx: Transaction, found: list[Seat]) -> None:
        for seat in found:
            seat.state = SeatState.ADMITTED
        tx.session.flush()
        assert all(seat.state is SeatState.ADMITTED for seat in found)
        for seat in found[1:]:
            seat.state = SeatState.INVITED

    _change(rows, change)
    assert [it.state for it in _all(rows, Seat, col(Seat.id))] == [SeatState.ADMITTED] + [SeatState.INVITED] * (
        MANY - 1
    )


@pytest.mark.usefixtures("seats")
def test_a_change_that_is_undone_is_not_there(rows: Rows) -> None:
    def change(tx: Transaction, found: list[Seat]) -> None:
        for seat in found:
            seat.state = SeatState.ADMITTED
        tx.session.flush()
        raise KeyError

    with pytest.raises(KeyError):
        _change(rows, change)
    assert {it.state for it in _all(rows, Seat)} == {SeatState.ASSIGNED}


def test_rows_may_take_over_what_is_unique_in_the_order_of_their_ids(rows: Rows, seats: list[str]) -> None:
    """Each person has an earlier seat, which is wanted, and a later one, which is to be wanted in its place."""
    rows.add(room("s", 1))
    rows.add(*(Seat(id=f"x{it}", breakout_id="b", room_id="s", participant_id=it, wanted=False) for it in seats))

    def change(_: Transaction, found: list[Seat]) -> None:
        for seat in found:
            seat.wanted = seat.room_id == "s"

    _change(rows, change)
    assert {it.room_id for it in _all(rows, Seat) if it.wanted} == {"s"}


@pytest.mark.usefixtures("seats")
def test_rows_that_are_inserted_beside_changes_are_there_too(rows: Rows) -> None:
    def change(tx: Transaction, found: list[Seat]) -> None:
        tx.session.add(_person("new"))
        for seat in found:
            seat.leave_by = AT

    _change(rows, change)
    assert {it.leave_by for it in _all(rows, Seat)} == {AT}
    assert "new" in {it.id for it in _all(rows, Participant)}


def test_a_row_that_is_gone_is_not_written_in_silence(rows: Rows, seats: list[str]) -> None:
    def change(tx: Transaction, found: list[Seat]) -> None:
        tx.session.connection().execute(delete(Seat).where(col(Seat.id) == seats[3]))
        for seat in found:
            seat.state = SeatState.ADMITTED

    with pytest.raises(StaleDataError):
        _change(rows, change)
    assert {it.state for it in _all(rows, Seat)} == {SeatState.ASSIGNED}


@pytest.mark.parametrize("many", [2, MANY])
def test_a_change_of_a_row_that_is_gone_is_not_passed_over(rows: Rows, seats: list[str], many: int) -> None:
    changes = [{"id": it, "name": "new"} for it in [*seats[: many - 1], "gone"]]
    with pytest.raises(StaleDataError), rows.database.transaction() as tx:
        update_all(tx.session, Participant, changes)
    assert "new" not in {it.name for it in _all(rows, Participant)}


@pytest.mark.parametrize("rows", ["postgresql"], indirect=True)
@pytest.mark.parametrize("alike", [MANY, FEWEST], ids=["all alike", "some otherwise"])
def test_rows_are_locked_in_the_order_of_their_ids(rows: Rows, seats: list[str], alike: int) -> None:
    """Stays lie in the table the last id first. Those with the highest ids end, and the others are only put earlier."""
    of: dict[str, Any] = {"meeting_id": "m", "room_id": "r", "joined_at": AT}
    rows.add(*(Presence(id=it, participant_id=it, peer_id=it, **of) for it in reversed(seats)))

    def change() -> None:
        with rows.database.transaction() as tx:
            found = list(tx.session.scalars(select(Presence).order_by(col(Presence.id))))
            for it in found[-alike:]:
                it.left_at = AT
            for it in found[:-alike]:
                it.joined_at -= timedelta(seconds=1)

    with rows.locked(Presence, seats[0]):
        changing = Thread(target=change)
        changing.start()
        wait_until(lambda: rows.waiters() == 1)
        free = [it for it in seats[1:] if rows.is_free(Presence, it)]
    changing.join()
    assert free == seats[1:]
    assert [it.left_at for it in _all(rows, Presence, col(Presence.id))][-alike:] == [AT] * alike


@pytest.mark.usefixtures("seats")
@pytest.mark.parametrize("many", [1, MANY])
def test_a_time_that_can_not_be_read_again_is_not_stored(rows: Rows, many: int) -> None:
    """It is of the year 10000 in UTC, which PostgreSQL knows and Python does not."""

    def change(_: Transaction, found: list[Seat]) -> None:
        for seat in found[:many]:
            seat.leave_by = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-3)))

    with pytest.raises(Exception, match="out of range"):
        _change(rows, change)
    assert {it.leave_by for it in _all(rows, Seat)} == {None}


@pytest.mark.usefixtures("seats")
@pytest.mark.parametrize("many", [1, MANY])
def test_a_time_without_a_zone_is_refused_and_another_zone_is_converted(rows: Rows, many: int) -> None:
    def set_to(at: datetime) -> Callable[[Transaction, list[Seat]], None]:
        def change(_: Transaction, found: list[Seat]) -> None:
            for seat in found[:many]:
                seat.leave_by = at

        return change

    with pytest.raises(Exception, match="time zone"):
        _change(rows, set_to(AT.replace(tzinfo=None)))
    _change(rows, set_to(AT.astimezone(timezone(timedelta(hours=5)))))
    assert {it.leave_by for it in _all(rows, Seat, col(Seat.id))[:many]} == {AT}
