"""What happens when a room fails: its people go elsewhere, its remains are retired, and the reason is reported."""

from collections.abc import Sequence

from orchestrator.domain.distribution import RoomNow, redistribute
from orchestrator.domain.membership import takes_people
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.retiring import want_closed
from orchestrator.services.breakout.seating import seat_in, take_back_moves
from orchestrator.store.queries import room_sizes
from schemas.events import ProblemKind
from schemas.states import ACCOUNTED, BreakoutState, OnRoomFailure, RoomState, SeatState
from schemas.tables import Room, Seat


def fail_room(b: LockedBreakout, room: Room, words: str) -> None:
    """Fail a room for good, report RealtimeKit's words, and do with its people what `on_room_failure` says.

    People who were to move there from another room stay in that one.
    """
    room.error = words
    b.move_rooms([room], RoomState.FAILED)
    b.report(ProblemKind.ROOM_FAILED, words, room_id=room.id)
    want_closed(b, [room.id])
    seats = [seat for seat in b.seats() if seat.room_id == room.id and seat.state not in ACCOUNTED]
    seats = take_back_moves(b, seats)
    if b.row.on_room_failure is OnRoomFailure.REDISTRIBUTE and b.row.state is not BreakoutState.CLOSING:
        _redistribute(b, seats)
    else:
        b.move_seats(seats, SeatState.NEVER_JOINED)


def _redistribute(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    """Give each person of a failed room a seat in the least filled of the others. Without a place they stay in main."""
    good = [room for room in b.rooms() if takes_people(room)]
    sizes = room_sizes(b.tx.session, b.row.id)
    placed = redistribute(
        [seat.id for seat in seats], [RoomNow(sizes.get(room.id, 0), room.max_participants) for room in good]
    )
    rooms = {seat.id: good[index] for seat in seats if (index := placed[seat.id]) is not None}
    b.move_seats([seat for seat in seats if seat.id not in rooms], SeatState.NEVER_JOINED)
    for seat in seats:
        seat.wanted = seat.id not in rooms
    b.tx.session.flush()
    for room in good:
        seat_in(b, room, {seat.participant_id: None for seat in seats if rooms.get(seat.id) is room}, pinned=True)
