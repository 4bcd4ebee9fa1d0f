"""Writing many rows at once: PostgreSQL takes them all in one text of JSON, and SQLite one after the other.

The driver sends PostgreSQL a statement for each row otherwise. That was 40 % of the time that a worker took to record
an opening (measured). Arrays of columns take as long, because the driver puts them together element by element.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    FromClause,
    Select,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    cast,
    column,
    event,
    func,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import Session, SQLModel

Rows = Sequence[Mapping[str, Any]]
"""Values by column. All rows have the same columns."""
FEWEST = 8
"""Fewer changed rows than these are written one by one."""
KEY = "id"
CHANGED_TOGETHER = frozenset({"seat", "presence"})
"""Tables of which a transaction changes many rows. A flush locks them in the order of their ids, as the ORM does.

Stays of one person may be changed under the locks of two breakouts at the same time: while an earlier one puts people
out of a room, RealtimeKit's webhooks about that are applied under the lock of the live one.
"""


class WritingSession(Session):
    """A session whose flush writes rows of CHANGED_TOGETHER that have changed alike in one statement."""


def insert_all(session: Session, table: type[SQLModel], rows: Rows, *, passing_over: bool = False) -> None:
    """Insert rows. `passing_over` leaves those as they are whose key is there already."""
    if not rows:
        return
    session.flush()
    connection, names, core = session.connection(), tuple(rows[0]), _table_of(table)
    if connection.dialect.name == "sqlite":
        statement = sqlite.insert(core)
        connection.execute(statement.on_conflict_do_nothing() if passing_over else statement, rows)
    else:
        connection.execute(_inserted(core, names, passing_over=passing_over), {"many": _as_text(rows)})


def update_all(session: Session, table: type[SQLModel], rows: Rows) -> None:
    """Change rows, which are named by their id and which this transaction has locked.

    Objects of the session that stand for them keep what they have.
    """
    if not rows:
        return
    session.flush()
    names, core = tuple(name for name in rows[0] if name != KEY), _table_of(table)
    if session.connection().dialect.name == "sqlite" or len(rows) < FEWEST or _documents(core).intersection(names):
        session.execute(update(table), rows)
    else:
        _write(session, core, names, rows)


@event.listens_for(WritingSession, "before_flush")
def _write_changes(session: Session, *_: Any) -> None:
    """Write rows that have changed alike, before the ORM looks for what has changed."""
    if session.get_bind().dialect.name == "sqlite":
        return
    changed: defaultdict[Table, defaultdict[tuple[str, ...], list[Any]]] = defaultdict(lambda: defaultdict(list))
    for row in session.dirty:
        table = _table_of(type(row))
        if table.name in CHANGED_TOGETHER and (names := _changed(row)):
            changed[table][names].append(row)
    for table, alike in changed.items():
        kept_apart = _ordered(table)
        at_once = [names for names in alike if len(alike[names]) >= FEWEST and not kept_apart.intersection(names)]
        if at_once and len(alike) > 1:
            _lock(session, table, [row for rows in alike.values() for row in rows])
        for names in at_once:
            _update_all(session, table, names, alike[names])


def _changed(row: SQLModel) -> tuple[str, ...]:
    """Return the columns of a row that have another value than the database, as far as is known."""
    before: Mapping[str, Any] = inspect(row).committed_state
    return tuple(sorted(name for name, value in before.items() if getattr(row, name) != value))


def _lock(session: Session, table: Table, rows: Sequence[Any]) -> None:
    """Lock rows in the order of their ids, because they are written in several statements."""
    session.connection().execute(_locked(table), {"many": _as_text([{KEY: row.id} for row in rows])})


def _update_all(session: Session, table: Table, names: tuple[str, ...], rows: Sequence[Any]) -> None:
    values = [{name: getattr(row, name) for name in (KEY, *names)} for row in rows]
    _write(session, table, names, values)
    for row in rows:
        for name in names:
            set_committed_value(row, name, getattr(row, name))


def _write(session: Session, table: Table, names: tuple[str, ...], rows: Rows) -> None:
    found = session.connection().execute(_updated(table, names), {"many": _as_text(rows)})
    if found.rowcount != len(rows):
        raise StaleDataError(f"of {len(rows)} rows of {table.name} only {found.rowcount} are there")


@cache
def _ordered(table: Table) -> frozenset[str]:
    """Return the columns that are left to the ORM, because the order matters in which rows are written.

    Rows may take over a place in a unique index from each other, or point to rows that the same flush inserts.
    """
    indexes = [index for index in table.indexes if index.unique]
    conditions = " ".join(str(index.dialect_options["postgresql"]["where"]) for index in indexes)
    named = {one.name for one in table.columns if re.search(rf"\b{one.name}\b", conditions)}
    constraints = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    unique = {one.name for index in indexes for one in index.columns} | {
        one.name for constraint in constraints for one in constraint.columns
    }
    pointing = {key.parent.name for key in table.foreign_keys}
    return _documents(table) | pointing | named | unique


@cache
def _documents(table: Table) -> frozenset[str]:
    """Return the columns with JSON, which are written row by row because it has a null of its own."""
    return frozenset(one.name for one in table.columns if isinstance(one.type, JSON))


@cache
def _inserted(table: Table, names: tuple[str, ...], *, passing_over: bool) -> postgresql.Insert:
    statement = postgresql.insert(table).from_select(list(names), select(*_many(table, names).c))
    return statement.on_conflict_do_nothing() if passing_over else statement


@cache
def _updated(table: Table, names: tuple[str, ...]) -> Any:
    """Return an UPDATE that locks the rows in the order of their ids first, as the ORM writes them."""
    in_order = _in_order(table, names).subquery()
    return update(table).where(table.c[KEY] == in_order.c[KEY]).values({name: in_order.c[name] for name in names})


@cache
def _locked(table: Table) -> Select[Any]:
    return _in_order(table, ())


def _in_order(table: Table, names: tuple[str, ...]) -> Select[Any]:
    """Select what is to be written of these rows, and lock them in the order of their ids."""
    many, held = _many(table, (KEY, *names)), table.alias("held")
    joined = select(*many.c).join_from(many, held, held.c[KEY] == many.c[KEY])
    return joined.order_by(held.c[KEY]).with_for_update(of=held, key_share=True)


def _many(table: Table, names: Sequence[str]) -> FromClause:
    """Return the text with these columns as rows."""
    columns = [column(name, table.c[name].type) for name in names]
    text = cast(bindparam("many", type_=Text()), postgresql.JSON)
    return func.json_to_recordset(text).table_valued(*columns, name="many").render_derived(with_types=True)


def _as_text(rows: Rows) -> str:
    return json.dumps(rows, default=_moment_as_text)


def _moment_as_text(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a stored time must have a time zone")
    return at.astimezone(UTC).isoformat()  # as the type of the column does


def _table_of(table: type[SQLModel]) -> Table:
    return table.__table__  # type: ignore[attr-defined, no-any-return]  # SQLModel declares none
