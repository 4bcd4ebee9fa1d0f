"""Leaving a room for another seat: people go by themselves; who stays beyond a stored deadline is put out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlmodel import Session, col

from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.tables import Participant, Presence, Room, Seat


@dataclass(frozen=True)
class Leaver:
    """A seat whose person should have left by now."""

    seat_id: str
    custom_participant_id: str
    still_there: bool


def is_home(seat: Seat, where: set[str | None]) -> bool:
    """Whether somebody is in the parent meeting and no longer in their room."""
    return None in where and seat.room_id not in where


def leave(deps: Deps, tx: Transaction, seats: Sequence[Seat], now: datetime) -> None:
    """Give the people of these seats some time to leave their rooms; the rooms are looked at when it is over."""
    if not seats:
        return
    for seat in seats:
        seat.leave_by = now + deps.grace
    tx.session.flush()
    due.due_by(tx, Room, {seat.room_id for seat in seats}, now + deps.grace)


def leavers(session: Session, room_ids: Iterable[str], now: datetime) -> defaultdict[str, list[Leaver]]:
    """Of each room, whose time to leave is over."""
    there = exists().where(
        col(Presence.participant_id) == col(Seat.participant_id),
        col(Presence.room_id) == col(Seat.room_id),
        col(Presence.left_at).is_(None),
    )
    statement = (
        select(col(Seat.room_id), col(Seat.id), col(Participant.custom_participant_id), there)
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(col(Seat.room_id).in_(list(room_ids)), col(Seat.leave_by) <= now)
    )
    found: defaultdict[str, list[Leaver]] = defaultdict(list)
    for room_id, seat_id, name, still_there in session.execute(statement):
        found[room_id].append(Leaver(seat_id, name, bool(still_there)))
    return found


def have_left(tx: Transaction, seat_ids: Sequence[str]) -> None:
    """Their rooms have put them out, or found nobody."""
    if seat_ids:
        tx.session.execute(update(Seat).where(col(Seat.id).in_(seat_ids)).values(leave_by=None))


def keep_watching(tx: Transaction, room_ids: Iterable[str], since: datetime) -> None:
    """See that rooms which were just given back are looked at when the next one should have left.

    Who should have left by `since` was seen to by the pass that has just ended, or is by its next try.
    """
    statement = select(col(Seat.room_id), func.min(col(Seat.leave_by))).where(
        col(Seat.room_id).in_(list(room_ids)), col(Seat.leave_by) > since
    )
    for room_id, leave_by in tx.session.execute(statement.group_by(col(Seat.room_id))).all():
        due.due_by(tx, Room, [room_id], leave_by)
