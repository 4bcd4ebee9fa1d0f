"""Taking names out of what is stored of a breakout: its log, and what went wrong in its rooms."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import col

from orchestrator.domain.erasing import Eraser
from orchestrator.services.breakout.aggregate import LockedBreakout
from schemas.columns import Json
from schemas.tables import Event, Recording, Room, RoomPoll, Seat

EVENTS_AT_ONCE = 1000


def erase_names(b: LockedBreakout, eraser: Eraser) -> None:
    """Replace these people's ids, and texts that may name them, in everything that is stored of the breakout."""
    _erase_texts(b, eraser)
    after = 0
    while numbers := _erase_events(b, eraser, after):
        after = numbers[-1]


def _erase_events(b: LockedBreakout, eraser: Eraser, after: int) -> Sequence[int]:
    """Rewrite the next events after this number, those of them that change. Returns the numbers of all."""
    mine = col(Event.breakout_id) == b.row.id, col(Event.number) > after
    statement = select(col(Event.number), col(Event.actor), col(Event.data)).where(*mine)
    rows = b.tx.session.execute(statement.order_by(col(Event.number)).limit(EVENTS_AT_ONCE)).all()
    changed: list[dict[str, Any]] = []
    for number, actor, data in rows:
        new_actor, new_data = eraser.actor(actor), eraser.value(data)
        if new_actor != actor or new_data is not data:
            changed.append({"which": number, "new_actor": new_actor, "new_data": new_data})
    if changed:
        which = col(Event.breakout_id) == b.row.id, col(Event.number) == bindparam("which")
        new = {"actor": bindparam("new_actor"), "data": bindparam("new_data", type_=Json)}
        b.tx.session.connection().execute(update(Event).where(*which).values(**new), changed)
    return [number for number, _, _ in rows]


def _erase_texts(b: LockedBreakout, eraser: Eraser) -> None:
    """Replace what went wrong or was asked, where that may name somebody. Rooms are locked before seats."""
    b.lock_rooms()
    tables: tuple[Any, ...] = (Room, Recording, Seat)
    for table in tables:
        found = select(table).where(table.breakout_id == b.row.id, table.error.is_not(None)).order_by(table.id)
        for row in b.tx.session.scalars(found).all():
            row.error = eraser.text(row.error)
    rooms = select(col(Room.id)).where(col(Room.breakout_id) == b.row.id)
    for poll in b.tx.session.scalars(select(RoomPoll).where(col(RoomPoll.room_id).in_(rooms))).all():
        poll.question, poll.options = eraser.text(poll.question), [eraser.text(option) for option in poll.options]
    b.tx.session.flush()
