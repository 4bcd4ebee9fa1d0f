"""The rooms of a plan: as many as its people need, added, and removed before the start."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlmodel import col

from orchestrator.domain.distribution import rooms_needed
from orchestrator.domain.membership import takes_people
from orchestrator.errors import Malformed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.retiring import want_closed
from orchestrator.services.breakout.seating import Dealable, rooms_with_host, take_seats_away
from orchestrator.store.queries import room_sizes
from schemas.columns import new_id
from schemas.problems import ProblemCode
from schemas.requests import MOST_ROOMS
from schemas.states import AssignmentMode, Deal, RoomWanted
from schemas.tables import Breakout, Room, Seat


def new_room(b: LockedBreakout, index: int, name: str, max_participants: int | None = None) -> Room:
    """Return a room of a plan, to be inserted."""
    room_id = new_id()
    key = room_id[-12:]
    return Room(id=room_id, breakout_id=b.row.id, index=index, name=name, key=key, max_participants=max_participants)


def remove_rooms(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Remove rooms from a plan. Their people are unassigned. The meetings of those that were prepared are retired."""
    if not rooms:
        return
    ids = [room.id for room in rooms]
    seated = select(col(Seat.participant_id)).where(col(Seat.room_id).in_(ids), col(Seat.wanted))
    take_seats_away(b, list(b.tx.session.scalars(seated)))
    prepared = [room for room in rooms if room.wanted is not RoomWanted.NOTHING]
    want_closed(b, [room.id for room in prepared])
    for room in prepared:
        room.dropped = True
    b.tx.session.flush()
    never = {room.id for room in rooms} - {room.id for room in prepared}
    b.tx.session.execute(delete(Seat).where(col(Seat.room_id).in_(never)))
    b.tx.session.execute(delete(Room).where(col(Room.id).in_(never)))


def fit_rooms(b: LockedBreakout, people: Dealable, pinned: Counter[str], *, strict: bool) -> list[Room]:
    """Return the rooms; with `room_size`, as many as these people need besides those who are pinned.

    A room with pinned people stays. Of the others the last go first. With `strict` more than a breakout may have are
    Malformed, else so many are made.
    """
    rooms, size = b.rooms(), b.row.room_size
    if size is None:
        return rooms
    kept = [room for room in rooms if pinned[room.id]]
    others = [room for room in rooms if not pinned[room.id]]
    free = sum(max(0, size - pinned[room.id]) for room in kept)
    led = len(rooms_with_host(b) & {room.id for room in kept}) if people.hosts else 0
    hosts = len(people.hosts & people.ids.keys())
    needed = rooms_needed(len(people.ids) - hosts, size, hosts, kept=len(kept), free=free, led=led)
    if needed > MOST_ROOMS and strict:
        words = f"{len(people.ids)} people in rooms of {size} would need {needed} of {MOST_ROOMS} rooms"
        raise Malformed(words, ("body", "room_size"), ProblemCode.IMPOSSIBLE_PLAN)
    wanted = min(needed, MOST_ROOMS) - len(kept)
    remove_rooms(b, others[max(0, wanted) :])
    add_rooms(b, wanted - len(others))
    return b.rooms()


def why_roomless(b: LockedBreakout) -> str | None:
    """Return, in a sentence, why a plan can't start whose rooms were all deleted; None: it has some, or makes them."""
    if b.row.room_size is not None and _makes_rooms(b.row):
        return None
    any_room = select(col(Room.id)).where(col(Room.breakout_id) == b.row.id, ~col(Room.dropped)).limit(1)
    if b.tx.session.scalar(any_room) is not None:
        return None
    return "this breakout has no rooms: add one before it starts"


def require_rooms(b: LockedBreakout) -> None:
    """Raise Malformed for a plan that can neither be prepared nor started, because it has no rooms."""
    if why := why_roomless(b):
        raise Malformed(why, ("body", "rooms"), ProblemCode.IMPOSSIBLE_PLAN)


def _makes_rooms(row: Breakout) -> bool:
    """Return whether a plan with `room_size` makes the rooms that it lacks when it is prepared or started."""
    if row.dealt_at is None:
        return row.mode is not AssignmentMode.MANUAL
    return row.deal is Deal.AT_START and row.mode is AssignmentMode.EVEN


def add_rooms_for(b: LockedBreakout, people: Dealable) -> None:
    """With `room_size`, add as many rooms as these people need besides the places that are free."""
    size = b.row.room_size
    if size is None:
        return
    rooms, sizes = b.rooms(), room_sizes(b.tx.session, b.row.id)
    free = sum(max(0, size - sizes.get(room.id, 0)) for room in rooms if takes_people(room))
    led = len(rooms_with_host(b)) if people.hosts else 0
    others = len(people.ids) - len(people.hosts)
    needed = rooms_needed(others, size, len(people.hosts), kept=len(rooms), free=free, led=led)
    add_rooms(b, min(needed, MOST_ROOMS) - len(rooms))


def add_rooms(b: LockedBreakout, count: int) -> None:
    """Add so many numbered rooms, whose names no other room has."""
    rooms = b.rooms()
    index, number = next_index(rooms), len(rooms) + 1
    taken = {room.name for room in rooms}
    for _ in range(count):
        while (name := f"Room {number}") in taken:
            number += 1
        taken.add(name)
        b.tx.session.add(new_room(b, index, name))
        index += 1
    b.tx.session.flush()


def next_index(rooms: Sequence[Room]) -> int:
    """Return the index of a room that comes after these."""
    return max((room.index for room in rooms), default=-1) + 1
