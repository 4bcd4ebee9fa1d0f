"""Dealing the people of a plan into its rooms for good: when it is prepared, or at its start."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, insert, not_, select
from sqlmodel import col

from orchestrator.domain.distribution import RoomSpec, deal
from orchestrator.domain.membership import takes_people
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.seating import (
    dealable,
    free_seats_of_the_absent,
    report_no_place,
    room_limit,
    seat_further,
    seat_latecomers,
)
from orchestrator.store.database import Transaction
from orchestrator.store.queries import room_sizes
from schemas.columns import new_id
from schemas.events import EventType
from schemas.requests import MOST_ROOMS
from schemas.states import AssignmentMode, Deal
from schemas.tables import Participant, Room, Seat


@dataclass(frozen=True)
class Placed:
    """A person in a room of a plan."""

    room_id: str
    participant_id: str
    pinned: bool = False


def deal_ahead(b: LockedBreakout) -> None:
    """Deal a plan that is about to be prepared. From then on people keep their rooms."""
    if b.row.dealt_at is None:
        _deal_anew(b)


def deal_at_start(b: LockedBreakout) -> None:
    """Deal a plan that starts. Of one that was dealt before, only those are dealt who have come since."""
    if b.row.dealt_at is None:
        _deal_anew(b)
    elif b.row.deal is Deal.NOW:
        seat_latecomers(b)
    elif b.row.mode is AssignmentMode.EVEN:
        free_seats_of_the_absent(b)
        late = dealable(b, never_seated=True)
        _add_rooms_for(b, len(late))
        seat_further(b, late, b.row.room_size)


def new_room(breakout_id: str, index: int, name: str, max_participants: int | None = None) -> Room:
    """Return a room of a plan, to be inserted."""
    room_id = new_id()
    key = room_id[-12:]
    return Room(id=room_id, breakout_id=breakout_id, index=index, name=name, key=key, max_participants=max_participants)


def insert_seats(tx: Transaction, breakout_id: str, placed: Sequence[Placed]) -> None:
    """Insert the seats of a plan in one statement. They are not logged: the log of a plan tells its changes."""
    rows = [
        Seat(breakout_id=breakout_id, room_id=it.room_id, participant_id=it.participant_id, pinned=it.pinned)
        for it in placed
    ]
    if rows:
        tx.session.execute(insert(Seat), [row.model_dump() for row in rows])


def _deal_anew(b: LockedBreakout) -> None:
    """Replace the groups of a preview by groups of the people who are there now. Pinned people stay.

    1. Lock the rooms, because rooms are locked before seats.
    2. Take away the seats of the preview. Nothing of them is at RealtimeKit.
    3. With `room_size`, make as many rooms as the people need now.
    4. Deal, and report the people for whom no place is left.
    """
    b.row.dealt_at = b.now
    if b.row.mode is not AssignmentMode.EVEN:
        return
    b.lock_rooms()
    before = _seated(b)
    pinned = [(it, name) for it, name in before if it.pinned]
    ids = dealable(b)
    for _, name in pinned:
        ids.pop(name, None)
    _delete_preview(b)
    rooms = _fit_rooms(b, len(ids), Counter(it.room_id for it, _ in pinned))
    specs = [
        RoomSpec(tuple(name for it, name in pinned if it.room_id == room.id), room_limit(room, b.row.room_size))
        for room in rooms
    ]
    groups, left = deal(ids, specs, b.row.seed)
    placed = [
        Placed(room.id, ids[name]) for room, group in zip(rooms, groups, strict=True) for name in group if name in ids
    ]
    insert_seats(b.tx, b.row.id, placed)
    if set(placed) != {it for it, _ in before if not it.pinned}:
        b.log(EventType.BREAKOUT_CHANGED, {"fields": ["rooms"]})
    report_no_place(b, left)


def _seated(b: LockedBreakout) -> list[tuple[Placed, str]]:
    """Return everybody's present seat, and the caller's own id of the person."""
    b.tx.session.flush()
    columns = col(Seat.room_id), col(Seat.participant_id), col(Seat.pinned), col(Participant.custom_participant_id)
    statement = select(*columns).join(Participant, col(Participant.id) == col(Seat.participant_id))
    which = col(Seat.breakout_id) == b.row.id, col(Seat.wanted)
    rows = b.tx.session.execute(statement.where(*which).order_by(col(Seat.id)))
    return [(Placed(room_id, participant_id, pinned), name) for room_id, participant_id, pinned, name in rows]


def _delete_preview(b: LockedBreakout) -> None:
    """Delete all seats but those of people who are pinned now."""
    stays = and_(col(Seat.pinned), col(Seat.wanted))
    b.tx.session.execute(delete(Seat).where(col(Seat.breakout_id) == b.row.id, not_(stays)))


def _fit_rooms(b: LockedBreakout, people: int, pinned: Counter[str]) -> list[Room]:
    """Return the rooms; with `room_size`, as many as these people need besides those who are pinned.

    A room with pinned people stays. Of the others the last go first.
    """
    rooms, size = b.rooms(), b.row.room_size
    if size is None:
        return rooms
    kept = [room for room in rooms if pinned[room.id]]
    others = [room for room in rooms if not pinned[room.id]]
    free = sum(max(0, size - pinned[room.id]) for room in kept)
    wanted = max(1, min(len(kept) + _rooms_needed(people - free, size), MOST_ROOMS)) - len(kept)
    surplus = [room.id for room in others[wanted:]]
    if surplus:
        b.tx.session.execute(delete(Room).where(col(Room.id).in_(surplus)))
    _add_rooms(b, rooms, wanted - len(others))
    return b.rooms()


def _add_rooms_for(b: LockedBreakout, people: int) -> None:
    """With `room_size`, add as many rooms as these people need besides the places that are free."""
    size = b.row.room_size
    if size is None:
        return
    rooms, sizes = b.rooms(), room_sizes(b.tx.session, b.row.id)
    free = sum(max(0, size - sizes.get(room.id, 0)) for room in rooms if takes_people(room))
    _add_rooms(b, rooms, min(_rooms_needed(people - free, size), MOST_ROOMS - len(rooms)))


def _rooms_needed(people: int, size: int) -> int:
    return max(0, -(-people // size))


def _add_rooms(b: LockedBreakout, rooms: Sequence[Room], count: int) -> None:
    """Add so many numbered rooms, whose names no other room has."""
    index, number = max((room.index for room in rooms), default=-1) + 1, len(rooms) + 1
    taken = {room.name for room in rooms}
    for _ in range(count):
        while (name := f"Room {number}") in taken:
            number += 1
        taken.add(name)
        b.tx.session.add(new_room(b.row.id, index, name))
        index += 1
    b.tx.session.flush()
