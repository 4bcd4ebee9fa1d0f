"""Sending people of closing rooms home, and which of the rooms are empty."""

from collections.abc import Sequence

from orchestrator.domain.presence import is_home
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.watching import webhooks_come
from orchestrator.store.queries import occupied_rooms, places, rooms_with_unseen
from schemas.states import ACCOUNTED, SeatState
from schemas.tables import Meeting, Seat

CAME = frozenset({SeatState.JOINED, SeatState.AWAY})
"""States of a seat whose person has been in the room."""


def call_home(b: LockedBreakout, seats: Sequence[Seat]) -> list[Seat]:
    """Point these seats to main. Returns those whose people have been in their room and were not seen in main yet."""
    came = [seat for seat in seats if seat.state in CAME]
    where = places(b.tx.session, [seat.participant_id for seat in came])
    never = [seat for seat in seats if seat.state not in CAME | ACCOUNTED | {SeatState.RETURNING}]
    b.move_seats(came, SeatState.RETURNING)
    b.move_seats(never, SeatState.NEVER_JOINED)
    home = [seat for seat in came if is_home(seat.room_id, where.get(seat.participant_id, set()))]
    b.move_seats(home, SeatState.RETURNED)
    return [seat for seat in came if seat.state is SeatState.RETURNING]


def surely_empty(b: LockedBreakout, room_ids: set[str]) -> set[str]:
    """Return the rooms in which certainly nobody is.

    Without webhooks a room may hold people whom no poll has seen yet. They get the same time to go as the others.
    """
    empty = room_ids - occupied_rooms(b.tx.session, room_ids)
    meeting = b.tx.session.get_one(Meeting, b.row.meeting_id)
    return empty if webhooks_come(meeting, b.row.starts_at) else empty - rooms_with_unseen(b.tx.session, empty)
