"""Groups of a plan: whom a deal is for, who sits where, and how other people are seated instead."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlmodel import col

from orchestrator.domain.distribution import RoomSpec
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.seating import Dealable, dealable, room_limit, seat_all, take_seats_away
from schemas.columns import new_id
from schemas.states import AssignmentMode, RoomWanted
from schemas.tables import Participant, Room, Seat


@dataclass(frozen=True)
class Placed:
    """A person in a room of a plan."""

    room_id: str
    participant_id: str
    pinned: bool = False


def seated(b: LockedBreakout) -> list[tuple[Placed, str]]:
    """Return everybody's present seat, and the caller's own id of the person."""
    b.tx.session.flush()
    columns = col(Seat.room_id), col(Seat.participant_id), col(Seat.pinned), col(Participant.custom_participant_id)
    statement = select(*columns).join(Participant, col(Participant.id) == col(Seat.participant_id))
    which = col(Seat.breakout_id) == b.row.id, col(Seat.wanted)
    rows = b.tx.session.execute(statement.where(*which).order_by(col(Seat.id)))
    return [(Placed(room_id, participant_id, pinned), name) for room_id, participant_id, pinned, name in rows]


def to_deal(b: LockedBreakout, pinned: set[str]) -> Dealable:
    """Return whom the deal is for besides the people who are pinned, who are named by the callers' own ids."""
    if b.row.mode is AssignmentMode.MANUAL:
        return Dealable({})
    found = dealable(b)
    return Dealable({name: row_id for name, row_id in found.ids.items() if name not in pinned}, found.hosts)


def specs_of(b: LockedBreakout, rooms: Sequence[Room], pinned: Sequence[tuple[Placed, str]]) -> tuple[RoomSpec, ...]:
    """Return how many people each room takes, and who must be in it."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for it, name in pinned:
        names[it.room_id].append(name)
    return tuple(RoomSpec(tuple(sorted(names[room.id])), room_limit(room, b.row.room_size)) for room in rooms)


def seat_anew(b: LockedBreakout, rooms: Sequence[Room], before: Sequence[Placed], after: Sequence[Placed]) -> None:
    """Take away the seats that are in `before` alone, and give those that are in `after` alone."""
    stay = set(before) & set(after)
    take_seats_away(b, [it.participant_id for it in before if it not in stay])
    new = [it for it in after if it not in stay]
    if all(room.wanted is RoomWanted.NOTHING for room in rooms):
        insert_seats(b, new)
        return
    for pinned in (True, False):
        people: Mapping[str, dict[str, Seat | None]] = {room.id: {} for room in rooms}
        for it in new:
            if it.pinned is pinned:
                people[it.room_id][it.participant_id] = None
        seat_all(b, [(room, people[room.id]) for room in rooms], pinned=pinned)


def insert_seats(b: LockedBreakout, placed: Sequence[Placed]) -> None:
    """Insert the seats of a plan in one statement. They are not logged: the log of a plan tells its changes.

    Seats that people have left go first, because nobody has two in a room. Those of dropped rooms stay, because they
    know records at RealtimeKit. The rows are copies of one, because to construct each of 5,000 seats takes most of a
    second and a half (measured).
    """
    rooms = select(col(Room.id)).where(col(Room.breakout_id) == b.row.id, ~col(Room.dropped))
    b.tx.session.execute(delete(Seat).where(col(Seat.room_id).in_(rooms), ~col(Seat.wanted)))
    if not placed:
        return
    like = Seat(breakout_id=b.row.id, room_id="", participant_id="").model_dump()
    rows = [
        like | {"id": new_id(), "room_id": it.room_id, "participant_id": it.participant_id, "pinned": it.pinned}
        for it in placed
    ]
    b.tx.session.execute(insert(Seat), rows)
    b.has_new_seats = True
