"""Plans that go on with the groups of an earlier breakout: who was where, evened out among those who are there."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.domain.distribution import RoomSpec
from orchestrator.domain.evening import even_out
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.groups import Placed
from orchestrator.services.breakout.seating import Dealable
from orchestrator.store.queries import rooms_of
from schemas.states import CloseReason
from schemas.tables import Participant, Room, Seat


def rooms_to_continue(session: Session, breakout_id: str) -> list[Room]:
    """Return a breakout's rooms without those that were deleted or dissolved while it was open, unless all were."""
    rooms = rooms_of(session, breakout_id)
    return [room for room in rooms if room.close_reason is not CloseReason.API] or rooms


def members(session: Session, rooms: Sequence[Room]) -> dict[str, str]:
    """Return the name of the room of everybody who had a seat in these rooms, by the callers' own ids."""
    statement = (
        select(col(Participant.custom_participant_id), col(Seat.room_id))
        .join(Seat, col(Seat.participant_id) == col(Participant.id))
        .where(col(Seat.room_id).in_([room.id for room in rooms]), col(Seat.wanted))
        .order_by(col(Seat.id))
    )
    names = {room.id: room.name for room in rooms}
    return {custom_id: names[room_id] for custom_id, room_id in session.execute(statement)}


def evened_out(
    b: LockedBreakout,
    rooms: Sequence[Room],
    specs: Sequence[RoomSpec],
    seats: Sequence[tuple[Placed, str]],
    people: Dealable,
) -> tuple[list[list[str]], list[str]]:
    """Return the people of each room, pinned people first, and the people for whom there is no place.

    It begins with the seats that there are, and for others with the room of this name in the earlier breakout, because
    who comes only after the plan was made may have had one.
    """
    earlier = members(b.tx.session, rooms_to_continue(b.tx.session, b.row.continues or ""))
    ids = {room.name: room.id for room in rooms}
    places = {name: ids[room] for name, room in earlier.items() if room in ids}
    places |= {name: it.room_id for it, name in seats if not it.pinned}
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, room_id in places.items():
        groups[room_id].append(name)
    return even_out([groups[room.id] for room in rooms], people.ids, specs, b.row.seed, people.hosts)
