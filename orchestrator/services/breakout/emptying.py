"""Sending people of closing rooms home, and which of the rooms are empty."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.presence import is_home
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.leaving import ask_to_leave
from orchestrator.services.breakout.watching import webhooks_come
from orchestrator.store.queries import occupied_rooms, places, rooms_with_unseen
from schemas.states import ACCOUNTED, CAME, SeatState
from schemas.tables import Meeting, Seat


def call_home(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    """Point these seats to main. Somebody who has not come yet is called home from where they have been before.

    All rooms of these people must have been locked.
    """
    never = [seat for seat in seats if seat.state not in CAME | ACCOUNTED | {SeatState.RETURNING}]
    came = [*(seat for seat in seats if seat.state in CAME), *_left_for(b, never)]
    where = places(b.tx.session, [seat.participant_id for seat in came])
    b.move_seats(came, SeatState.RETURNING)
    b.move_seats(never, SeatState.NEVER_JOINED)
    home = [seat for seat in came if is_home(seat.room_id, where.get(seat.participant_id, set()))]
    b.move_seats(home, SeatState.RETURNED)


def _left_for(b: LockedBreakout, seats: Sequence[Seat]) -> list[Seat]:
    """Return the seats that people have used before they were to go to these, which count no more.

    One where they still are goes before one that they have left.
    """
    going = {seat.participant_id: seat for seat in seats}
    if not going:
        return []
    b.tx.session.flush()
    used = col(Seat.breakout_id) == b.row.id, col(Seat.state).in_(CAME), ~col(Seat.wanted)
    statement = select(Seat).where(*used, col(Seat.participant_id).in_(going))
    found = sorted(b.tx.session.scalars(statement), key=lambda seat: (seat.state is SeatState.JOINED, seat.id))
    left = {seat.participant_id: seat for seat in found}
    for participant_id in left:
        going[participant_id].wanted = False
    ask_to_leave(b, list(left.values()))
    return list(left.values())


def surely_empty(b: LockedBreakout, room_ids: set[str]) -> set[str]:
    """Return the rooms in which certainly nobody is.

    Without webhooks a room may hold people whom no poll has seen yet. They get the same time to go as the others.
    """
    empty = room_ids - occupied_rooms(b.tx.session, room_ids)
    if not empty:
        return empty
    meeting = b.tx.session.get_one(Meeting, b.row.meeting_id)
    return empty if webhooks_come(meeting, b.row.starts_at) else empty - rooms_with_unseen(b.tx.session, empty)
