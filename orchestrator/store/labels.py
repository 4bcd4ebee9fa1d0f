"""The words by which Flower shows the task of a row: which breakout, which room, how many people; never who."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from orchestrator.domain.wording import count
from schemas.tables import Breakout, Due, Inbox, Meeting, Recording, Room, Seat, Sweep

Statement = Select[*tuple[Any, ...]]


def labels(session: Session, table: type[Due], rows: Sequence[Any]) -> list[str]:
    """One for each row, all of one table; at most one statement, however many there are."""
    statement = _statement(table)
    if statement is None or not rows:
        return [_label(row) for row in rows]
    ids = [row.id for row in rows]
    found = {row_id: more for row_id, *more in session.execute(statement.where(statement.selected_columns[0].in_(ids)))}
    return [_label(row, *found[row.id]) for row in rows]


def _statement(table: type[Due]) -> Statement | None:
    """What a label needs to know beside the row itself, by the row's id."""
    if table is Breakout:
        rooms = select(func.count()).select_from(Room).where(col(Room.breakout_id) == col(Breakout.id))
        people = _people().where(col(Seat.breakout_id) == col(Breakout.id))
        return select(col(Breakout.id), rooms.scalar_subquery(), people.scalar_subquery())
    if table is Room:
        people = _people().where(col(Seat.room_id) == col(Room.id))
        rooms_breakout = col(Breakout.id) == col(Room.breakout_id)
        return select(col(Room.id), col(Breakout.name), people.scalar_subquery()).join(Breakout, rooms_breakout)
    if table is Recording:
        names: Statement = select(col(Recording.id), col(Breakout.name), col(Room.name))
        with_room = names.join(Room, col(Room.id) == col(Recording.room_id))
        return with_room.join(Breakout, col(Breakout.id) == col(Recording.breakout_id))
    titles: Statement = select(col(Meeting.id), col(Meeting.title))
    return titles if table is Inbox else None


def _people() -> Statement:
    return select(func.count()).select_from(Seat).where(col(Seat.wanted))


def _label(row: Due, *more: Any) -> str:
    match row, more:
        case Breakout(name=name), (rooms, people):
            return f"{name} · {count(rooms, 'room')} · {count(people, 'person', 'people')}"
        case Room(name=name), (breakout, people):
            return f"{breakout} · {name} · {count(people, 'person', 'people')}"
        case Recording(state=state), (breakout, room):
            return f"{breakout} · {room} · {state}"
        case Inbox(), (title,):
            return f"{title} · deliveries"
        case Sweep(), ():
            return "what nobody needs any more"
        case Meeting(title=title), ():
            return f"{title} · who is where"
    raise TypeError(f"no label for {type(row).__name__}")
