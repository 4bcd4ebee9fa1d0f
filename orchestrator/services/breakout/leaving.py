"""Leaving a room for another seat: people go by themselves, and are put out when they stay beyond `leave_by`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, exists, func, select, update
from sqlmodel import Session, col

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store import due
from orchestrator.store.database import Transaction, execute
from orchestrator.store.queries import places
from schemas.states import COMING
from schemas.tables import Participant, Presence, Room, Seat


@dataclass(frozen=True)
class Leaver:
    """A seat whose person should have left by now."""

    seat_id: str
    participant_id: str
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


def ask_overstayers_to_leave(b: LockedBreakout, participant_ids: Sequence[str]) -> None:
    """Give those of these people the grace to leave who are still in a room where they do not belong any more.

    The rooms of all their seats must have been locked.
    """
    where = places(b.tx.session, participant_ids)
    if not any(room_id for rooms in where.values() for room_id in rooms):
        return
    statement = select(Seat).where(col(Seat.breakout_id) == b.row.id, col(Seat.participant_id).in_(participant_ids))
    ask_to_leave(b, overstaying(b.tx.session.scalars(statement).all(), where))


def overstaying(seats: Sequence[Seat], where: Mapping[str, set[str | None]]) -> list[Seat]:
    """Return ended seats whose people are still in the room although they could be where they belong.

    Somebody who moves could not go yet while the token for their new room is not there.
    """
    belong = {seat.participant_id: seat for seat in seats if seat.wanted}
    found = []
    for seat in seats:
        there = seat.room_id in where.get(seat.participant_id, set())
        now_in = belong.get(seat.participant_id)
        could_go = now_in is None or now_in.state not in COMING
        if there and could_go and not seat.wanted and seat.leave_by is None:
            found.append(seat)
    return found


_IS_THERE = exists().where(
    col(Presence.participant_id) == col(Seat.participant_id),
    col(Presence.room_id) == col(Seat.room_id),
    col(Presence.left_at).is_(None),
)
_LEAVERS = (
    select(col(Seat.room_id), col(Seat.id), col(Seat.participant_id), col(Participant.custom_participant_id), _IS_THERE)
    .join(Participant, col(Participant.id) == col(Seat.participant_id))
    .where(col(Seat.room_id).in_(bindparam("some")), col(Seat.leave_by) <= bindparam("now"), ~col(Seat.wanted))
)


def leavers(session: Session, room_ids: Iterable[str], now: datetime) -> defaultdict[str, list[Leaver]]:
    """Return the people of each room whose time to leave is over."""
    found: defaultdict[str, list[Leaver]] = defaultdict(list)
    told = {"some": list(room_ids), "now": now}
    for room_id, seat_id, participant_id, name, is_still_there in execute(session, _LEAVERS, told):
        found[room_id].append(Leaver(seat_id, participant_id, name, bool(is_still_there)))
    return found


def mark_being_put_out(tx: Transaction, seat_ids: Iterable[str]) -> None:
    """Note that a call is about to put people out of their room. None of them is invited there meanwhile."""
    tx.session.execute(update(Seat).where(col(Seat.id).in_(list(seat_ids))).values(being_put_out=True))


def end_putting_out(tx: Transaction, room_ids: Iterable[str]) -> None:
    """Note that no call that puts people out of these rooms is on its way any more."""
    marked = col(Seat.room_id).in_(list(room_ids)), col(Seat.being_put_out)
    tx.session.execute(update(Seat).where(*marked).values(being_put_out=False))


def forget_deadlines(tx: Transaction, seat_ids: Sequence[str], until: datetime) -> None:
    """Clear `leave_by` of seats whose rooms have put their people out, or found nobody.

    A deadline later than `until` is that of another move, and stays.
    """
    if seat_ids:
        over = col(Seat.id).in_(seat_ids), col(Seat.leave_by) <= until
        tx.session.execute(update(Seat).where(*over).values(leave_by=None))


def watch_for_leavers(tx: Transaction, room_ids: Iterable[str], since: datetime) -> None:
    """Make rooms that were just given back due when the next person should have left.

    The pass that has just ended, or its next try, puts out people who should have left by `since`.
    """
    statement = select(col(Seat.room_id), func.min(col(Seat.leave_by))).where(
        col(Seat.room_id).in_(list(room_ids)), col(Seat.leave_by) > since
    )
    due.due_by(tx, Room, dict(tx.session.execute(statement.group_by(col(Seat.room_id))).all()))
