"""Telling people to come: from then on their seat shows the room."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout.leaving import leave
from orchestrator.services.breakout.moves import move_rooms, move_seats
from orchestrator.services.deps import Deps
from orchestrator.store.database import Transaction
from orchestrator.store.queries import raise_versions
from schemas.states import RoomState, RoomWanted, SeatState
from schemas.tables import Breakout, Room, Seat


def invite(
    deps: Deps, tx: Transaction, breakout: Breakout, seated: Sequence[tuple[Room, list[Seat]]], now: datetime
) -> None:
    """Open the rooms that are wanted open and wait for nobody to be admitted, and tell the people seated in them."""
    told = [seat for room, seats in seated for seat in _to_tell(tx, breakout, room, seats, now)]
    move_seats(tx, breakout, {SeatState.INVITED: told}, now)
    if told:
        raise_versions(tx, breakout.meeting_id, [seat.participant_id for seat in told])
        _let_go(deps, tx, told, now)


def _to_tell(tx: Transaction, breakout: Breakout, room: Room, seats: list[Seat], now: datetime) -> list[Seat]:
    waits = any(seat.state is SeatState.ASSIGNED and seat.error is None for seat in seats)
    is_there = room.realtimekit_meeting_id is not None and not waits
    if room.state is RoomState.PREPARING and room.wanted is not RoomWanted.CLOSED and is_there:
        room.error = None
        move_rooms(tx, breakout, [room], RoomState.READY, now)
    if room.state is RoomState.READY and room.wanted is RoomWanted.OPEN:
        move_rooms(tx, breakout, [room], RoomState.OPEN, now)
    if room.state is not RoomState.OPEN or room.wanted is not RoomWanted.OPEN:
        return []
    return [seat for seat in seats if seat.state is SeatState.ADMITTED]


def _let_go(deps: Deps, tx: Transaction, told: Sequence[Seat], now: datetime) -> None:
    """Those who were somewhere else until now have to leave there."""
    ids = [seat.previous_id for seat in told if seat.previous_id is not None]
    if ids:
        leave(deps, tx, tx.session.scalars(select(Seat).where(col(Seat.id).in_(ids))).all(), now)
