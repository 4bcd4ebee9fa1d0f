"""Rows for tests of the protocol of a row, and what a transaction has done to them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from orchestrator.settings import Settings
from orchestrator.store.database import Database, Transaction
from orchestrator.store.due import Claim
from orchestrator.store.messages import Message
from schemas.states import RoomWanted
from schemas.tables import Breakout, Due, Inbox, Meeting, Recording, Room, Sweep

T = TypeVar("T")

WAITERS = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
CONNECTIONS = 4
"""As many transactions as a test has open at a time, and one that looks at them."""
LONG_AGO = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=90)
ME, ANOTHER = "me", "another"
TABLES: tuple[type[Due], ...] = (Meeting, Inbox, Breakout, Room, Recording, Sweep)
COLUMNS = tuple(Due.model_fields)

USED: dict[str, Any] = {
    "claim": 7,
    "generation": 3,
    "tries": 2,
    "trying_since": LONG_AGO,
    "progressed_at": LONG_AGO,
    "dispatches": 1,
    "due_at": LONG_AGO,
}
"""What stands in a row that has been worked on before, so that no write to it goes unseen."""


def meeting(row_id: str = "m", **due: Any) -> Meeting:
    """Return a row that has been worked on before and that nobody holds, but for what is given."""
    values: dict[str, Any] = {"id": row_id, "title": f"Title of {row_id}", "created_at": LONG_AGO}
    values |= {"realtimekit_meeting_id": row_id, "host_preset": "host", "participant_preset": "guest"}
    return Meeting(**values | USED | due)


def held(row_id: str = "m", **due: Any) -> Meeting:
    """Return the same, on which a process of ours works."""
    return meeting(row_id, **{"holder": ME, "dispatches": 0, **due})


def breakout(row_id: str = "b", **values: Any) -> Breakout:
    """Return a breakout of the meeting `m`."""
    plan: dict[str, Any] = {"id": row_id, "meeting_id": "m", "name": "Round 1", "seed": 1, "created_at": LONG_AGO}
    return Breakout(**plan | USED | values)


def room(row_id: str = "r", index: int = 0, **values: Any) -> Room:
    """Return a room of the breakout `b`."""
    plan: dict[str, Any] = {"id": row_id, "breakout_id": "b", "index": index, "name": f"Room {index + 1}"}
    return Room(**plan | {"key": f"key of {row_id}", "wanted": RoomWanted.OPEN} | USED | values)


def recording(row_id: str = "c", **values: Any) -> Recording:
    """Return a recording of the room `r`."""
    of: dict[str, Any] = {"id": row_id, "breakout_id": "b", "room_id": "r", "created_at": LONG_AGO}
    return Recording(**of | USED | values)


def claim_of(row: Any, **other: Any) -> Claim:
    """Return the claim that was good when the row looked like this, but for what is given."""
    facts: dict[str, Any] = {"table": type(row), "row_id": row.id}
    facts |= {"fence": row.claim, "generation": row.generation, "tries": row.tries}
    return Claim(**facts | other)


@dataclass(frozen=True)
class Between:
    """Equal to every time from one to another."""

    first: datetime
    last: datetime

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime) and self.first <= other <= self.last

    __hash__ = None  # type: ignore[assignment]  # what equals many times has no place in a set


@dataclass(frozen=True)
class Done(Generic[T]):
    """What a transaction gave back, what it changed, and what went out after its commit."""

    answer: T
    changed: dict[str, dict[str, Any]]
    """By id: the columns of the protocol that changed, with their new values."""
    messages: list[Message]
    topics: set[str]
    began: datetime
    ended: datetime

    def at(self, seconds: float = 0.0) -> Between:
        """Return the database's time of the transaction, and so many seconds."""
        return Between(self.began + timedelta(seconds=seconds), self.ended + timedelta(seconds=seconds))

    @property
    def sent(self) -> list[tuple[str, int]]:
        """The row and the claim of each message."""
        return sorted((message.row_id, message.claim) for message in self.messages)


class Rows:
    """The rows of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, *rows: SQLModel) -> None:
        """Store copies of these rows, in this order, so that a table of cases is made once for all its tests."""
        with self.database.transaction() as tx:
            for row in rows:
                tx.session.add(type(row)(**row.model_dump()))
                tx.session.flush()

    def stored(self, table: type[Any], row_id: str = "") -> Any:
        """Return a row as it is in the database."""
        with self.database.reading() as session:
            return session.get_one(table, row_id or table.__name__[0].lower())

    def now(self) -> datetime:
        """Return the database's time."""
        with self.database.transaction() as tx:
            return tx.now()

    def did(self, work: Callable[[Transaction], T]) -> Done[T]:
        """Run one transaction and look at what it has done."""
        before = self._facts()
        with self.database.transaction() as tx:
            began = tx.now()
            answer = work(tx)
            ended = tx.now()
        changed = {row_id: _changes(before.get(row_id, {}), facts) for row_id, facts in self._facts().items()}
        only = {row_id: changes for row_id, changes in changed.items() if changes}
        return Done(answer, only, tx.messages, tx.topics, began, ended)

    @contextmanager
    def locked(self, table: type[Any], *row_ids: str) -> Iterator[Transaction]:
        """Another transaction, which has locked these rows."""
        with self.database.transaction() as tx:
            statement = select(table.id).where(table.id.in_(row_ids)).with_for_update(key_share=True)
            assert set(tx.session.scalars(statement)) == set(row_ids)
            yield tx

    def waiters(self) -> int:
        """Return how many transactions wait for a lock just now. Only PostgreSQL knows."""
        with self.database.reading() as session:
            return int(session.scalar(WAITERS) or 0)

    def is_free(self, table: type[Any], row_id: str) -> bool:
        """Return whether nobody has locked that row."""
        statement = select(table.id).where(table.id == row_id).with_for_update(nowait=True, key_share=True)
        try:
            with self.database.transaction() as tx:
                return tx.session.scalar(statement) == row_id
        except OperationalError:
            return False

    def statements(self, work: Callable[[Transaction], object]) -> list[str]:
        """Return the first word of each statement that the work costs."""
        sent: list[str] = []

        def note(_c: object, _x: object, statement: str, *_: object) -> None:
            sent.append(statement.split(maxsplit=1)[0])

        with self.database.transaction() as tx:
            tx.session.connection()  # begins the transaction, which is a statement too
            event.listen(self.database.engine, "before_cursor_execute", note)
            try:
                work(tx)
            finally:
                event.remove(self.database.engine, "before_cursor_execute", note)
        return sent

    def clear(self) -> None:
        """Remove every row, and leave the one of the sweep with nothing to do."""
        with self.database.engine.begin() as connection:  # in SQL, because nobody else is there to lock in order for
            for table in reversed(SQLModel.metadata.sorted_tables):
                if table.name != "sweep":
                    connection.exec_driver_sql(f"DELETE FROM {table.name}")
            connection.exec_driver_sql("UPDATE sweep SET due_at = NULL, holder = NULL, dispatches = 0")

    def _facts(self) -> dict[str, dict[str, Any]]:
        with self.database.reading() as session:
            rows: Sequence[Any] = [row for table in TABLES for row in session.scalars(select(table))]
            return {_key(row): {column: getattr(row, column) for column in COLUMNS} for row in rows}


@contextmanager
def rows_in(url: str) -> Iterator[Rows]:
    """Give the rows of a database that has our tables."""
    database = Database(Settings(database_url=url, _env_file=None).database, lambda *_: None, CONNECTIONS)
    yield Rows(database)
    database.close()


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in after.items() if key not in before or value != before[key]}


def _key(row: Any) -> str:
    """Return the id of a row. An inbox has the id of its meeting."""
    return f"inbox of {row.id}" if isinstance(row, Inbox) else str(row.id)
