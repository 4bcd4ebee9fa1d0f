"""Leaving a room for another seat: people go by themselves, and are put out when they stay beyond `leave_by`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlmodel import Session, col

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.tables import Participant, Presence, Room, Seat


@dataclass(frozen=True)
class Leaver:
    """A seat whose person should have left by now."""

    seat_id: str
    custom_participant_id: str
    is_still_there: bool


def ask_to_leave(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    """Give the people of these seats the grace to leave their rooms. The rooms are due when it is over."""
    if not seats:
        return
    leave_by = b.now + b.deps.grace
    for seat in seats:
        seat.leave_by = leave_by
    b.tx.session.flush()
    due.due_by(b.tx, Room, dict.fromkeys((seat.room_id for seat in seats), leave_by))


def leavers(session: Session, room_ids: Iterable[str], now: datetime) -> defaultdict[str, list[Leaver]]:
    """Return the people of each room whose time to leave is over."""
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
    for room_id, seat_id, name, is_still_there in session.execute(statement):
        found[room_id].append(Leaver(seat_id, name, bool(is_still_there)))
    return found


def forget_deadlines(tx: Transaction, seat_ids: Sequence[str]) -> None:
    """Clear `leave_by` of seats whose rooms have put their people out, or found nobody."""
    if seat_ids:
        tx.session.execute(update(Seat).where(col(Seat.id).in_(seat_ids)).values(leave_by=None))


def watch_for_leavers(tx: Transaction, room_ids: Iterable[str], since: datetime) -> None:
    """Make rooms that were just given back due when the next person should have left.

    The pass that has just ended, or its next try, puts out people who should have left by `since`.
    """
    statement = select(col(Seat.room_id), func.min(col(Seat.leave_by))).where(
        col(Seat.room_id).in_(list(room_ids)), col(Seat.leave_by) > since
    )
    due.due_by(tx, Room, dict(tx.session.execute(statement.group_by(col(Seat.room_id))).all()))
