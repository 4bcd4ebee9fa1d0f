"""How far breakouts are, in at most six queries however many breakouts, rooms and people there are."""

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import select, union
from sqlmodel import Session, col

from orchestrator.domain.progress import BreakoutProgress
from orchestrator.store.database import database_now
from orchestrator.store.queries import counts, holds
from schemas.states import LIVE, BreakoutState, RoomState
from schemas.tables import IS_LIVE, Breakout, Recording, Room, Seat

BEGUN = frozenset({*LIVE, BreakoutState.CLOSED, BreakoutState.FAILED})
ENDED_WITHIN = timedelta(minutes=1)


def running(session: Session) -> list[str]:
    """Return the ids of all breakouts that are live or have ended within ENDED_WITHIN, the oldest first."""
    since = database_now(session) - ENDED_WITHIN
    some = (select(col(Breakout.id)).where(it) for it in (holds(Breakout, IS_LIVE), col(Breakout.closed_at) > since))
    return sorted(session.scalars(union(*some)))


def read(session: Session, breakout_ids: Collection[str]) -> list[BreakoutProgress]:
    """Return the progress of the breakouts that were started; the others are left out."""
    which = col(Breakout.id).in_(breakout_ids), col(Breakout.state).in_(BEGUN)
    statement = select(Breakout).where(*which).order_by(col(Breakout.id))
    rows = session.scalars(statement).all()
    ids = [row.id for row in rows]
    if not ids:
        return []
    rooms, seats, recordings = (counts(session, table, ids) for table in (Room, Seat, Recording))
    failures = _failures(session, [row_id for row_id in ids if rooms[row_id][RoomState.FAILED]])
    return [
        BreakoutProgress(
            breakout_id=row.id,
            name=row.name,
            state=row.state,
            started_at=row.starts_at or row.created_at,
            closes_at=row.closes_at,
            ended_at=row.closed_at,
            close_reason=row.close_reason,
            paused_with_seconds=row.paused_with_seconds,
            rooms=rooms[row.id],
            seats=seats[row.id],
            recordings=recordings[row.id],
            failures=failures[row.id],
        )
        for row in rows
    ]


def _failures(session: Session, breakout_ids: Collection[str]) -> defaultdict[str, list[tuple[str, str]]]:
    """Return the names of failed rooms by breakout, with the reason of each."""
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    if breakout_ids:
        statement = select(col(Room.breakout_id), col(Room.name), col(Room.error)).where(
            col(Room.breakout_id).in_(breakout_ids), col(Room.state) == RoomState.FAILED
        )
        for breakout_id, name, words in session.execute(statement.order_by(col(Room.index))):
            found[breakout_id].append((name, words or ""))
    return found
