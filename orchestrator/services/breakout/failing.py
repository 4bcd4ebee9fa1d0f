"""What happens when a room fails: its people go elsewhere, its remains are retired, and the reason is reported."""

from collections.abc import Sequence

from orchestrator.domain.distribution import RoomNow, redistribute
from orchestrator.domain.lifecycle import can_move
from orchestrator.domain.membership import takes_people
from orchestrator.domain.presence import is_home
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.retiring import want_closed
from orchestrator.services.breakout.seating import seat_in, take_back_moves
from orchestrator.store.queries import places, room_sizes
from schemas.events import ProblemKind
from schemas.states import ACCOUNTED, BreakoutState, OnRoomFailure, RoomState, SeatState
from schemas.tables import Room, Seat


def fail_room(b: LockedBreakout, room: Room, words: str) -> None:
    """Fail a room for good, report RealtimeKit's words, and do with its people what `on_room_failure` says.

    People who were to move there from another room stay in that one. A room whose own countdown runs ends it now.
    """
    room.error = words
    if room.state is RoomState.CLOSING:
        b.report(ProblemKind.ROOM_FAILED, words, room_id=room.id)
        room.empties_at = b.row.rooms_look_at = b.now
        return
    room.own_end = room.paused_with_seconds = None
    b.move_rooms([room], RoomState.FAILED)
    b.report(ProblemKind.ROOM_FAILED, words, room_id=room.id)
    want_closed(b, [room.id])
    seats = [seat for seat in b.seats() if seat.room_id == room.id and seat.state not in ACCOUNTED]
    seats = take_back_moves(b, seats, into_open=True)
    if b.row.on_room_failure is OnRoomFailure.REDISTRIBUTE and b.row.state is not BreakoutState.CLOSING:
        _redistribute(b, seats)
    else:
        _end(b, seats)


def redistribute_late(b: LockedBreakout) -> None:
    """Give people of rooms that failed while the breakout closed what `on_room_failure` says, because it is open."""
    if b.row.on_room_failure is OnRoomFailure.REDISTRIBUTE:
        failed = {room.id for room in b.rooms() if room.state is RoomState.FAILED}
        _redistribute(b, [it for it in b.seats() if it.room_id in failed and it.state is SeatState.NEVER_JOINED])


def _redistribute(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    """Give each person of a failed room a seat in the least filled of the others. Without a place they stay in main."""
    good = [room for room in b.rooms() if takes_people(room)]
    sizes = room_sizes(b.tx.session, b.row.id)
    placed = redistribute(
        [seat.id for seat in seats], [RoomNow(sizes.get(room.id, 0), room.max_participants) for room in good]
    )
    rooms = {seat.id: good[index] for seat in seats if (index := placed[seat.id]) is not None}
    _end(b, [seat for seat in seats if seat.id not in rooms])
    for seat in seats:
        seat.wanted = seat.id not in rooms
    b.tx.session.flush()
    for room in good:
        seat_in(b, room, {seat.participant_id: None for seat in seats if rooms.get(seat.id) is room}, pinned=True)


def _end(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    """End seats. Who has been in the room, whose meeting is gone, goes back to main; the others were never there."""
    been = [seat for seat in seats if can_move(seat.state, SeatState.RETURNING)]
    b.move_seats(been, SeatState.RETURNING)
    where = places(b.tx.session, [seat.participant_id for seat in been])
    home = [seat for seat in been if is_home(seat.room_id, where.get(seat.participant_id, set()))]
    b.move_seats(home, SeatState.RETURNED)
    b.move_seats([seat for seat in seats if can_move(seat.state, SeatState.NEVER_JOINED)], SeatState.NEVER_JOINED)
