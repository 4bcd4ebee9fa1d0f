"""The labels of rows' tasks in Flower: breakout, room, number of people; never who they are.

Each function labels rows of one table with at most one statement, however many rows there are.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import BindParameter, Select, bindparam, func, select
from sqlmodel import Session, col

from orchestrator.domain.wording import count
from orchestrator.store.database import execute
from schemas.tables import (
    ORPHANS,
    Breakout,
    Endpoint,
    Inbox,
    Leftover,
    Meeting,
    Outbox,
    Recording,
    Room,
    Seat,
    Solve,
    Sweep,
)

Statement = Select[*tuple[Any, ...]]

_OF: BindParameter[Any] = bindparam("of", expanding=True)
_ROOM_COUNT = (
    select(func.count()).select_from(Room).where(col(Room.breakout_id) == col(Breakout.id), ~col(Room.dropped))
)
_PEOPLE = select(func.count()).select_from(Seat).where(col(Seat.wanted))
_IN_BREAKOUT = _PEOPLE.where(col(Seat.breakout_id) == col(Breakout.id))
_IN_ROOM = _PEOPLE.where(col(Seat.room_id) == col(Room.id))
_BREAKOUTS: Statement = select(col(Breakout.id), _ROOM_COUNT.scalar_subquery(), _IN_BREAKOUT.scalar_subquery()).where(
    col(Breakout.id).in_(_OF)
)
_NAMES: Statement = select(col(Breakout.id), col(Breakout.name)).where(col(Breakout.id).in_(_OF))
_ROOMS: Statement = (
    select(col(Room.id), col(Breakout.name), _IN_ROOM.scalar_subquery())
    .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
    .where(col(Room.id).in_(_OF))
)
_RECORDINGS: Statement = (
    select(col(Recording.id), col(Breakout.name), col(Room.name))
    .join(Room, col(Room.id) == col(Recording.room_id))
    .join(Breakout, col(Breakout.id) == col(Recording.breakout_id))
    .where(col(Recording.id).in_(_OF))
)
_TITLES: Statement = select(col(Meeting.id), col(Meeting.title)).where(col(Meeting.id).in_(_OF))


def breakout_labels(session: Session, rows: Sequence[Breakout]) -> list[str]:
    """Return `Round 1 · 10 rooms · 90 people` for each breakout."""
    found = _by_id(session, _BREAKOUTS, rows)
    return [f"{row.name} · {count(found[row.id][0], 'room')} · {_people_in_words(found[row.id][1])}" for row in rows]


def solve_labels(session: Session, rows: Sequence[Solve]) -> list[str]:
    """Return `Round 1 · groups that keep the rules` for each plan that is being solved."""
    found = _by_id(session, _NAMES, rows)
    return [f"{found[row.id][0]} · groups that keep the rules" for row in rows]


def room_labels(session: Session, rows: Sequence[Room]) -> list[str]:
    """Return `Round 1 · Room 3 · 9 people` for each room."""
    found = _by_id(session, _ROOMS, rows)
    return [f"{found[row.id][0]} · {row.name} · {_people_in_words(found[row.id][1])}" for row in rows]


def recording_labels(session: Session, rows: Sequence[Recording]) -> list[str]:
    """Return `Round 1 · Room 3 · recording` for each recording."""
    found = _by_id(session, _RECORDINGS, rows)
    return [" · ".join([*found[row.id], row.state]) for row in rows]


def inbox_labels(session: Session, rows: Sequence[Inbox]) -> list[str]:
    """Return `Town hall · facts` for each inbox."""
    found = _by_id(session, _TITLES, rows)
    return [f"{found[row.id][0]} · facts" for row in rows]


def meeting_labels(_: Session, rows: Sequence[Meeting]) -> list[str]:
    """Return `Town hall · who is where` for each parent meeting."""
    return [f"{row.title} · who is where" for row in rows]


def outbox_labels(session: Session, rows: Sequence[Outbox]) -> list[str]:
    """Return `Round 1 · news` for each outbox."""
    found = _by_id(session, _NAMES, rows)
    return [f"{found[row.id][0]} · news" for row in rows]


def endpoint_labels(_: Session, rows: Sequence[Endpoint]) -> list[str]:
    """Return the server of each endpoint, because the rest of a URL may be secret."""
    return [f"to {urlsplit(row.url).hostname}" for row in rows]


def sweep_labels(_: Session, rows: Sequence[Sweep]) -> list[str]:
    """Return the label of each sweep."""
    return ["what nobody needs any more" if row.id == ORPHANS else row.id for row in rows]


def leftover_labels(_: Session, rows: Sequence[Leftover]) -> list[str]:
    """Return what is left of a person, or of a meeting."""
    return ["somebody who has left" if row.person else count(len(row.rooms), "room") for row in rows]


def _people_in_words(number: int) -> str:
    return count(number, "person", "people")


def _by_id(session: Session, statement: Statement, rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Run a statement whose first column is the row's id, for these rows alone."""
    return {row_id: more for row_id, *more in execute(session, statement, {"of": [row.id for row in rows]})}
