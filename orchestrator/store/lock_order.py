"""The order in which a transaction may lock rows, checked at each statement.

breakout → room → seat → participant
breakout → meeting → participant

Transactions that lock rows of several tables in this order never wait for each other in a circle. A meeting has no
order with rooms and seats, because no transaction locks both without the breakout, and the check refuses that too.
Rows of one table are to be locked in the order of their ids, which is not checked. All locks are FOR NO KEY UPDATE,
which lets rows be inserted that point to a locked row. So what changes in a row to which others point is in no unique
index but one with a condition: PostgreSQL would take a stronger lock then, and wait for those who have inserted. Only
whoever deletes a meeting takes that lock, once no pass works on anything of it (services/meetings/deleting.py).

Turns come before all rows (Transaction.take_turn). One who waited for a turn with a row locked could wait in a circle
that no database sees: for somebody who has the turn and waits for the row.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Engine, Insert, Select, Subquery, Update, event

from orchestrator.errors import LockedOutOfOrder

BREAKOUT, MEETING, ROOM, SEAT, PARTICIPANT = "breakout", "meeting", "room", "seat", "participant"

AFTER = {
    BREAKOUT: frozenset({MEETING, ROOM, SEAT, PARTICIPANT}),
    MEETING: frozenset({PARTICIPANT}),
    ROOM: frozenset({SEAT, PARTICIPANT}),
    SEAT: frozenset({PARTICIPANT}),
    PARTICIPANT: frozenset[str](),
}
"""The tables that a transaction may lock only after each table. Tables that are not named have no order."""
HELD_WHEN_MADE = frozenset({BREAKOUT, MEETING})
"""Tables whose rows a transaction changes after it has inserted them: nobody else can see these yet."""
ORDER_KEY = "lock order"
"""The key in `Connection.info` of the transaction's LockOrder."""


class LockOrder:
    """The tables of which one transaction has locked rows."""

    def __init__(self) -> None:
        self._locked: set[str] = set()
        self.holds_rows = False
        """Whether rows were locked or written, of whichever table: others may wait for them."""

    def lock(self, table: str) -> None:
        """Note that rows of `table` are about to be locked. Raise LockedOutOfOrder when that comes too late."""
        self.holds_rows = True
        if table not in AFTER or table in self._locked:
            return
        if too_early := self._locked & AFTER[table]:
            raise LockedOutOfOrder(f"{table} must be locked before {', '.join(sorted(too_early))}")
        together = self._locked | {table}
        if MEETING in together and together & {ROOM, SEAT} and BREAKOUT not in together:
            raise LockedOutOfOrder("a meeting and rooms or seats are locked together only under their breakout's lock")
        self._locked.add(table)

    def make(self, table: str) -> None:
        """Note that a row of `table` was inserted."""
        self.holds_rows = True
        if table in HELD_WHEN_MADE:
            self._locked.add(table)


def require_no_rows(connection: Connection) -> None:
    """Raise LockedOutOfOrder if the connection's transaction holds rows already."""
    order = connection.info.get(ORDER_KEY)
    if order is not None and order.holds_rows:
        raise LockedOutOfOrder("a turn must be taken before any row is locked or written")


def enforce_lock_order(engine: Engine) -> None:
    """Make the engine refuse statements that lock rows out of order."""
    event.listen(engine, "begin", _begin)
    event.listen(engine, "before_execute", _check)


def _begin(connection: Connection) -> None:
    connection.info[ORDER_KEY] = LockOrder()


def _check(connection: Connection, statement: Any, *_: Any) -> None:
    order = connection.info.get(ORDER_KEY)
    if order is None:
        return
    match statement:
        case Update() | Delete():
            order.lock(statement.table.name)  # type: ignore[union-attr]  # we never update a join
        case Select():
            for select in locking(statement):
                for table in _tables(select):
                    order.lock(table)
        case Insert():
            order.make(statement.table.name)


def locking(statement: Select[Any]) -> Sequence[Select[Any]]:
    """Return the selects that lock rows: the statement itself, or subqueries that it reads."""
    if statement._for_update_arg is not None:
        return [statement]
    read = [source.element for source in statement.columns_clause_froms if isinstance(source, Subquery)]
    return [one for one in read if isinstance(one, Select) and one._for_update_arg is not None]


def _tables(statement: Select[Any]) -> Iterable[str]:
    """Return the tables of which the statement locks rows, in their order: it locks them all at once."""
    names = {getattr(source, "name", "") for source in statement.columns_clause_froms}
    return [table for table in AFTER if table in names]
