"""What a transaction changes of the people of a meeting is written last, in one go and in the order of their ids."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from orchestrator.errors import LockedOutOfOrder
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.store.database import Transaction
from orchestrator.store.due import lock_rows
from schemas.states import Role
from schemas.tables import Meeting, Participant
from tests.store.rows import LONG_AGO, Rows, meeting, rows_in
from tests.support.waiting import wait_until

Change = Callable[[PeopleWrites], Any]


def together(*changes: Change) -> Change:
    """All of these, one after the other."""

    def change(people: PeopleWrites) -> None:
        for one in changes:
            one(people)

    return change


def raised(*names: str) -> Change:
    return lambda people: people.raise_versions(names)


def all_raised(people: PeopleWrites) -> None:
    people.raise_versions()


def named(participant_id: str, name: str) -> Change:
    return lambda people: people.change(participant_id, name=name)


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    """Add a meeting `m` of three people, stored in no order, and another meeting `n` of one."""
    with rows_in(database_url) as made:
        _fill(made)
        yield made


@pytest.fixture
def concurrent_rows(postgres_url: str) -> Iterator[Rows]:
    """Give the same where transactions go on beside each other."""
    with rows_in(postgres_url) as made:
        _fill(made)
        yield made


def _fill(rows: Rows) -> None:
    people = [("m", "c"), ("m", "a"), ("m", "b"), ("n", "d")]
    rows.add(meeting("m"), meeting("n"), *(_person(meeting_id, name) for meeting_id, name in people))


def _person(meeting_id: str, name: str) -> Participant:
    who: dict[str, Any] = {"id": name, "custom_participant_id": name, "name": name}
    who["role"] = Role.HOST if name == "c" else Role.PARTICIPANT
    return Participant(meeting_id=meeting_id, version=5, created_at=LONG_AGO, **who)


def _write(rows: Rows, change: Change) -> tuple[dict[str, int], dict[str, str], set[str]]:
    """Versions and names of all people after a transaction with this change, and the topics that it wakes."""

    def work(tx: Transaction) -> None:
        people = PeopleWrites(tx, "m")
        change(people)
        people.write()

    topics = rows.did(work).topics
    with rows.database.reading() as session:
        people = session.scalars(select(Participant)).all()
    return {one.id: one.version for one in people}, {one.id: one.name for one in people}, topics


def _all_but(**versions: int) -> dict[str, int]:
    return dict.fromkeys("abcd", 5) | versions


CHANGES: dict[str, tuple[Change, dict[str, int], dict[str, str], set[str]]] = {
    "nothing": (lambda _: None, _all_but(), {}, set()),
    "versions of some": (raised("a", "c"), _all_but(a=6, c=6), {}, {"seats:m"}),
    "versions of nobody": (raised(), _all_but(), {}, {"seats:m"}),
    "versions of a whole meeting": (all_raised, _all_but(a=6, b=6, c=6), {}, {"seats:m"}),
    "versions of hosts, and of another": (
        together(raised("a"), PeopleWrites.raise_versions_of_hosts),
        _all_but(a=6, c=6),
        {},
        {"seats:m"},
    ),
    "columns of some": (named("b", "Bea"), _all_but(), {"b": "Bea"}, {"meeting:m"}),
    "the same person twice": (
        together(raised("a"), raised("a", "b")),
        _all_but(a=6, b=6),
        {},
        {"seats:m"},
    ),
    "some, and then the whole meeting": (
        together(raised("a"), all_raised),
        _all_but(a=6, b=6, c=6),
        {},
        {"seats:m"},
    ),
    "columns of one and the version of another": (
        together(named("c", "Cem"), named("a", "Ada"), raised("b")),
        _all_but(b=6),
        {"a": "Ada", "c": "Cem"},
        {"meeting:m", "seats:m"},
    ),
    "the last value of a column": (
        together(named("a", "Eva"), named("a", "Ada")),
        _all_but(),
        {"a": "Ada"},
        {"meeting:m"},
    ),
}


@pytest.mark.parametrize(("change", "versions", "names", "topics"), CHANGES.values(), ids=CHANGES)
def test_what_is_written(
    rows: Rows, change: Change, versions: dict[str, int], names: dict[str, str], topics: set[str]
) -> None:
    expected = {name: names.get(name, name) for name in "abcd"}
    assert _write(rows, change) == (versions, expected, topics)


def test_different_columns_of_different_people_are_all_written(rows: Rows) -> None:
    def change(people: PeopleWrites) -> None:
        people.change("a", name="Ada", token_wanted=True)
        people.change("b", token_refusals=3)
        people.change("c", name="Cem", token_wanted=True)

    assert _write(rows, change)[1] == {"a": "Ada", "b": "b", "c": "Cem", "d": "d"}
    a, b, c = (rows.stored(Participant, name) for name in "abc")
    assert (a.token_wanted, b.token_wanted, c.token_wanted) == (True, False, True)
    assert (a.token_refusals, b.token_refusals, c.token_refusals) == (0, 3, 0)


def test_a_value_is_what_is_going_to_be(rows: Rows) -> None:
    def work(tx: Transaction) -> None:
        people = PeopleWrites(tx, "m")
        a, b = tx.session.get_one(Participant, "a"), tx.session.get_one(Participant, "b")
        people.change("a", name="Ada")
        people.change("b", token_wanted=True)
        assert (people.value(a, "name"), people.value(b, "name")) == ("Ada", "b")
        assert (people.value(a, "token_wanted"), people.value(b, "token_wanted")) == (False, True)
        assert people.changed("name") == {"a": "Ada"}
        assert people.changed("version") == {}

    rows.did(work)


def test_nothing_is_written_before_the_end_so_that_other_rows_can_be_locked(rows: Rows) -> None:
    def work(tx: Transaction) -> None:
        people = PeopleWrites(tx, "m")
        people.change("a", name="Ada")
        people.raise_versions()
        lock_rows(tx, Meeting, ["m"])
        people.write()
        lock_rows(tx, Meeting, ["m"])

    rows.did(work)
    assert (rows.stored(Participant, "a").name, rows.stored(Participant, "a").version) == ("Ada", 6)


def test_once_people_are_written_no_other_table_can_be_locked(rows: Rows) -> None:
    def work(tx: Transaction) -> None:
        people = PeopleWrites(tx, "m")
        people.raise_versions(["a"])
        people.write()
        lock_rows(tx, Meeting, ["m"])

    with pytest.raises(LockedOutOfOrder, match="meeting must be locked before participant"):
        rows.did(work)


IN_ORDER: dict[str, Change] = {
    "versions of some": raised("c", "b", "a"),
    "versions of a whole meeting": all_raised,
    "columns": together(*(named(name, "New") for name in "cba")),
    "columns of some and versions of others": together(named("c", "New"), raised("b", "a")),
    "columns of one and versions of a whole meeting": together(named("c", "New"), all_raised),
}


@pytest.mark.parametrize("change", IN_ORDER.values(), ids=IN_ORDER)
def test_people_are_locked_in_the_order_of_their_ids(concurrent_rows: Rows, change: Change) -> None:
    rows = concurrent_rows
    with ThreadPoolExecutor() as pool, rows.locked(Participant, "a"):
        writing = pool.submit(_write, rows, change)
        wait_until(lambda: rows.waiters() == 1 or writing.done())
        assert not writing.done(), "it waits for the person who is locked"
        assert rows.is_free(Participant, "b")
        assert rows.is_free(Participant, "c")
    writing.result(10)


def test_nothing_to_write_costs_no_statement(rows: Rows) -> None:
    assert rows.statements(lambda tx: PeopleWrites(tx, "m").write()) == []
