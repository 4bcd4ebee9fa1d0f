"""Writing into a breakout's log, without looking at what is due for the breakout."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import cast

from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.deps import Deps
from orchestrator.store.database import Database, Transaction
from schemas.events import Actor, EventType
from schemas.tables import Breakout


@contextmanager
def log_of(tx: Transaction, breakout_id: str, at: datetime | None = None) -> Iterator[LockedBreakout]:
    """Lock a breakout in `tx`, and write its log at the end of the block."""
    statement = select(Breakout).where(col(Breakout.id) == breakout_id).with_for_update(key_share=True)
    row = tx.session.scalars(statement, execution_options={"populate_existing": True}).one()
    deps = cast(Deps, SimpleNamespace(actor=Actor.SYSTEM))
    b = LockedBreakout(deps, tx, row, at or tx.now(), PeopleWrites(tx, row.meeting_id))
    yield b
    b.write_log()


def warn(database: Database, breakout_id: str, *seconds: int, room_ids: list[str] | None = None) -> None:
    """Write warnings of so many seconds, in one commit."""
    with database.transaction() as tx, log_of(tx, breakout_id) as b:
        for remaining_seconds in seconds:
            b.log(EventType.BREAKOUT_WARNING, {"remaining_seconds": remaining_seconds, "room_ids": room_ids})


def say(database: Database, breakout_id: str, *texts: str) -> None:
    """Write broadcasts to everybody, in one commit."""
    with database.transaction() as tx, log_of(tx, breakout_id) as b:
        for text in texts:
            b.log(EventType.BREAKOUT_BROADCAST, {"text": text, "room_ids": None})
