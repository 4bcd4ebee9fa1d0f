"""What happens when a room can't be had: its people go elsewhere, its remains are retired, and it is said why."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from orchestrator.domain.distribution import RoomNow, redistribute
from orchestrator.domain.lifecycle import can_move
from orchestrator.services.breakout.moves import move_rooms, move_seats, report_problem
from orchestrator.services.breakout.seating import seat_in
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import room_sizes, rooms_of, wanted_seats
from schemas.states import ACCOUNTED, BreakoutState, OnRoomFailure, RoomState, RoomWanted, SeatState
from schemas.tables import Breakout, Room, Seat

GOOD = frozenset({RoomState.PLANNED, RoomState.PREPARING, RoomState.READY, RoomState.OPEN})


def fail_room(tx: Transaction, breakout: Breakout, room: Room, words: str, now: datetime) -> None:
    """Give a room up for good, with RealtimeKit's words, and do with its people what the breakout says."""
    room.error = words
    move_rooms(tx, breakout, [room], RoomState.FAILED, now)
    report_problem(tx, breakout, now, what="room failed", detail=words, room_id=room.id)
    want_closed(tx, breakout, [room.id], now)
    seats = [seat for seat in wanted_seats(tx, breakout.id) if seat.room_id == room.id and seat.state not in ACCOUNTED]
    if breakout.on_room_failure is OnRoomFailure.REDISTRIBUTE and breakout.state is not BreakoutState.CLOSING:
        _redistribute(tx, breakout, seats, now)
    else:
        move_seats(tx, breakout, {SeatState.NEVER_JOINED: seats}, now)


def want_closed(tx: Transaction, breakout: Breakout, room_ids: Iterable[str], now: datetime) -> None:
    """Want rooms closed, whatever they are doing now."""
    ids = set(room_ids)
    rooms = [room for room in rooms_of(tx.session, breakout.id) if room.id in ids]
    for room in rooms:
        room.wanted = RoomWanted.CLOSED
    move_rooms(
        tx, breakout, [room for room in rooms if can_move(room.state, RoomState.CLOSING)], RoomState.CLOSING, now
    )
    due.want(tx, Room, ids)


def _redistribute(tx: Transaction, breakout: Breakout, seats: Sequence[Seat], now: datetime) -> None:
    """Give each person of a failed room a seat in the least filled of the good ones; who fits nowhere stays in main."""
    good = [room for room in rooms_of(tx.session, breakout.id) if _is_good(room)]
    sizes = room_sizes(tx.session, breakout.id)
    placed = redistribute(
        [seat.id for seat in seats], [RoomNow(sizes.get(room.id, 0), room.max_participants) for room in good]
    )
    places = {seat.id: good[index] for seat in seats if (index := placed[seat.id]) is not None}
    move_seats(tx, breakout, {SeatState.NEVER_JOINED: [seat for seat in seats if seat.id not in places]}, now)
    for seat in seats:
        seat.wanted = seat.id not in places
    tx.session.flush()
    for room in good:
        here = {seat.participant_id: seat for seat in seats if places.get(seat.id) is room}
        seat_in(tx, breakout, room, here, now)


def _is_good(room: Room) -> bool:
    return room.state in GOOD and room.wanted is not RoomWanted.CLOSED
