"""Wanting rooms closed, and whether something of them is left at RealtimeKit."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.lifecycle import can_move
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store import due
from schemas.states import RoomState, RoomWanted
from schemas.tables import Room


def want_closed(b: LockedBreakout, room_ids: Iterable[str]) -> None:
    """Want rooms closed, whatever they are doing now. Their own tasks retire them."""
    ids = set(room_ids)
    rooms = [room for room in b.rooms() if room.id in ids]
    for room in rooms:
        if room.wanted is not RoomWanted.CLOSED:
            want_anew(room, RoomWanted.CLOSED)
    b.move_rooms([room for room in rooms if can_move(room.state, RoomState.CLOSING)], RoomState.CLOSING)
    due.want(b.tx, Room, ids)


def want_anew(room: Room, wanted: RoomWanted) -> None:
    """Want something else of a room. What has failed until now says nothing about that, so it gets all its tries."""
    room.wanted = wanted
    room.tries = room.failures = 0
    room.failing_since = None


def has_unretired_rooms(b: LockedBreakout) -> bool:
    """Return whether a room of the breakout has not been retired at RealtimeKit."""
    b.tx.session.flush()
    unretired = col(Room.breakout_id) == b.row.id, col(Room.retired_at).is_(None)
    return b.tx.session.scalar(select(col(Room.id)).where(*unretired).limit(1)) is not None
