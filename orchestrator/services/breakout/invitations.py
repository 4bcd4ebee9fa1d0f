"""Opening rooms that are ready, and inviting their people: from then on a seat shows its room."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.tokens import has_good_token
from orchestrator.services.breakout import keeping_recorded
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.leaving import ask_to_leave
from schemas.states import RoomState, RoomWanted, SeatState
from schemas.tables import Participant, Room, Seat


def invite(b: LockedBreakout, seated: Sequence[tuple[Room, list[Seat]]]) -> None:
    """Bring rooms forward whose people are all admitted, and invite the people of rooms that are open.

    Somebody whose token has ended meanwhile is invited when the room's pass has made another one, and somebody who is
    being put out of the room when that call is over.
    """
    invited: list[Seat] = []
    for room, seats in seated:
        _bring_forward(b, room, seats)
        if _takes_guests(room):
            invited += [seat for seat in seats if may_be_invited(seat, b.now)]
    b.move_seats(invited, SeatState.INVITED)
    if invited:
        b.people.raise_versions(seat.participant_id for seat in invited)
        _leave_previous_rooms(b, invited)
        _note_those_there(b, [seat for seat in invited if seat.again_since is not None])


def _takes_guests(room: Room) -> bool:
    """Return whether people are told to go to a room: it is open, or its own countdown runs."""
    is_counting = room.state is RoomState.CLOSING and room.sent_home_at is None
    return room.wanted is RoomWanted.OPEN and (room.state is RoomState.OPEN or is_counting)


def may_be_invited(seat: Seat, now: datetime) -> bool:
    """Return whether a person is admitted with a token that is good, and no call is putting them out of the room."""
    return seat.state is SeatState.ADMITTED and has_good_token(seat, now) and not seat.being_put_out


def _bring_forward(b: LockedBreakout, room: Room, seats: list[Seat]) -> None:
    """Move a room to ready when it waits for nobody, and to open when that is wanted."""
    waits = any(seat.state is SeatState.ASSIGNED and seat.error is None for seat in seats)
    is_there = room.realtimekit_meeting_id is not None and not waits
    if room.state is RoomState.PREPARING and room.wanted is not RoomWanted.CLOSED and is_there:
        room.error = None
        b.move_rooms([room], RoomState.READY)
    if room.state is RoomState.READY and room.wanted is RoomWanted.OPEN and room.realtimekit_meeting_id is not None:
        b.move_rooms([room], RoomState.OPEN)
        room.polled_at = b.now  # until now nobody was told to go there


def _note_those_there(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    """Count people as joined who were moved back before they left. No news of them comes, because they go nowhere."""
    if not seats:
        return
    columns = col(Participant.id), col(Participant.location_room_id)
    people = select(*columns).where(col(Participant.id).in_([seat.participant_id for seat in seats]))
    where = dict(b.tx.session.execute(people).all())
    there = [seat for seat in seats if where[seat.participant_id] == seat.room_id]
    b.move_seats(there, SeatState.JOINED)
    keeping_recorded.on_joined(b, {seat.room_id for seat in there})


def _leave_previous_rooms(b: LockedBreakout, invited: Sequence[Seat]) -> None:
    """Give people who were in another room until now some time to leave it."""
    ids = [seat.previous_id for seat in invited if seat.previous_id is not None]
    if ids:
        ask_to_leave(b, b.tx.session.scalars(select(Seat).where(col(Seat.id).in_(ids))).all())
