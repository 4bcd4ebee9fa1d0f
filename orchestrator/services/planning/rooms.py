"""The rooms of a plan as a request asks for them, and single rooms that are added and deleted, also while it runs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.continued import members, rooms_to_continue
from orchestrator.services.breakout.groups import Placed, insert_seats
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.opening import want_rooms
from orchestrator.services.breakout.planned_rooms import new_room, next_index, remove_rooms
from orchestrator.services.breakout.room_changes import delete_live, room_of
from orchestrator.services.breakout.seating import seat_all, take_seats_away
from orchestrator.services.deps import Deps
from orchestrator.services.planning.settings import require_known
from orchestrator.store.queries import participant_ids, room_sizes
from orchestrator.store.versions import PLACES
from schemas.problems import ProblemCode
from schemas.requests import MOST_ROOMS, NewRoomRequest, RoomRequest
from schemas.states import PLANNED, RUNNING, AssignmentMode, BreakoutState, PlanState, RoomWanted
from schemas.tables import Breakout, Meeting, Room, Seat

OUT_OF_THE_WAY = 10 * MOST_ROOMS
"""Added to the index of each room while they change places, because no two rooms have the same."""


def add_room(deps: Deps, breakout_id: str, body: NewRoomRequest) -> str:
    """Add a room, and return its id. One of a running breakout is opened, as all others were.

    Raises Unknown, WrongState, Malformed for a name in use.
    """
    with locked(deps, breakout_id) as b:
        _require_begun_or_planned(b, "get another room")
        rooms = b.rooms()
        if any(room.name == body.name for room in rooms):
            raise Malformed(
                f"another room of this breakout is called {body.name}", ("body", "name"), ProblemCode.NAME_TAKEN
            )
        if len(rooms) >= MOST_ROOMS:
            raise Malformed(f"a breakout has at most {MOST_ROOMS} rooms", ("body",), ProblemCode.IMPOSSIBLE_PLAN)
        room = new_room(b, next_index(rooms), body.name, body.max_participants)
        b.tx.session.add(room)
        if b.row.state is BreakoutState.OPEN:
            want_rooms(b, RoomWanted.OPEN)
        sizes = room_sizes(b.tx.session, b.row.id)
        is_uneven = all(sizes.get(other.id) for other in rooms)  # else the smallest room had nobody before
        b.change_by_operator(["plan", "rooms"] if is_uneven else ["rooms"])
        return room.id


def delete_room(deps: Deps, breakout_id: str, room_id: str) -> bool:
    """Delete a room. Of a plan it is gone, and its people are unassigned. Of a running breakout its people return.

    Returns whether it is still shown, as deleted. Raises Unknown, WrongState.
    """
    with locked(deps, breakout_id) as b:
        room = room_of(b, room_id)
        _require_begun_or_planned(b, "lose a room")
        if b.row.state in RUNNING:
            delete_live(b, room)
            return True
        b.lock_rooms()
        remove_rooms(b, [room])
        if b.row.plan_state is PlanState.SOLVING and not b.rooms():
            b.row.plan_state = PlanState.READY  # nobody is to be seated any more
        b.change_by_operator(PLACES)
        return False


def _require_begun_or_planned(b: LockedBreakout, what: str) -> None:
    """Raise WrongState for a breakout that closes or has ended."""
    if b.row.state not in PLANNED | RUNNING:
        allowed = [state.value for state in BreakoutState if state in PLANNED | RUNNING]
        raise WrongState(f"a breakout that is {b.row.state} can't {what}", b.row.state.value, allowed)


def set_rooms(b: LockedBreakout, asked: Sequence[RoomRequest]) -> None:
    """Give a plan these rooms. Rooms keep their ids by name, and the people who are listed in them are pinned there.

    People who are pinned to a room that stays remain so, unless the request lists that room's people.
    """
    b.lock_rooms()
    listed = _listed(b, asked)
    existing = {room.name: room for room in b.rooms()}
    names = [room.name for room in asked]
    remove_rooms(b, [room for name, room in existing.items() if name not in names])
    _make_way(b)
    rooms = [existing.get(room.name) or new_room(b, index, room.name) for index, room in enumerate(asked)]
    for index, (room, wish) in enumerate(zip(rooms, asked, strict=True)):
        room.index, room.max_participants = index, wish.max_participants
    b.tx.session.add_all(rooms)
    b.tx.session.flush()
    said = [room.id for room, wish in zip(rooms, asked, strict=True) if "participants" in wish.model_fields_set]
    _unpin(b, said)
    if existing:  # else nobody has a seat yet, and to look for those of 5,000 takes an eighth of the time (measured)
        take_seats_away(b, list(listed))
    _pin(b, rooms, listed)


def continue_from(b: LockedBreakout, earlier_id: str) -> None:
    """Give a plan the rooms and members of an earlier breakout. Its deal moves as few people as possible from there.

    In mode `manual`, which deals nobody, members are pinned. Raises Malformed for a breakout that is not there for the
    caller.
    """
    earlier = b.tx.session.get(Breakout, earlier_id)
    if earlier is None or not b.deps.reach.covers(b.tx.session.get_one(Meeting, earlier.meeting_id)):
        raise Malformed(f"there is no breakout {earlier_id}", ("body", "from_breakout"), ProblemCode.UNKNOWN_BREAKOUT)
    b.row.continues = earlier_id
    before = rooms_to_continue(b.tx.session, earlier_id)
    set_rooms(b, [RoomRequest(name=room.name, max_participants=room.max_participants) for room in before])
    if b.row.mode is AssignmentMode.MANUAL:
        _pin_members(b, before)


def _pin_members(b: LockedBreakout, before: Sequence[Room]) -> None:
    """Pin everybody who had a seat in one of these rooms to the plan's room of the same name."""
    found = _members(b, before)
    take_seats_away(b, list(found))
    by_name = {room.name: room for room in b.rooms()}
    people = _by_room({row_id: by_name[name].id for row_id, name in found.items()})
    seat_all(b, [(room, people[room.id]) for room in by_name.values() if room.id in people], pinned=True)


def _members(b: LockedBreakout, rooms: Sequence[Room]) -> dict[str, str]:
    """Return the name of the room of those who had a seat in these rooms and have no place yet, by our id here."""
    seated = members(b.tx.session, rooms)
    pinned = select(col(Seat.participant_id)).where(col(Seat.breakout_id) == b.row.id, col(Seat.pinned))
    stay = {*b.tx.session.scalars(pinned), *b.row.kept_in_main}
    known = participant_ids(b.tx.session, b.row.meeting_id, seated)
    return {known[name]: room for name, room in seated.items() if name in known and known[name] not in stay}


def _listed(b: LockedBreakout, asked: Sequence[RoomRequest]) -> dict[str, int]:
    """Return the index of the room of everybody who is listed, by our ids. Raises Malformed for unknown people."""
    names = [name for room in asked for name in room.participants]
    known = participant_ids(b.tx.session, b.row.meeting_id, names) if names else {}
    for index, room in enumerate(asked):
        require_known(known, room.participants, ("body", "rooms", index, "participants"))
    return {known[name]: index for index, room in enumerate(asked) for name in room.participants}


def _by_room(room_ids: Mapping[str, str]) -> Mapping[str, dict[str, Seat | None]]:
    """Return who is to be seated in each room, of people who have no seat to keep, from the room of each."""
    found: defaultdict[str, dict[str, Seat | None]] = defaultdict(dict)
    for row_id, room_id in room_ids.items():
        found[room_id][row_id] = None
    return found


def _make_way(b: LockedBreakout) -> None:
    mine = update(Room).where(col(Room.breakout_id) == b.row.id, ~col(Room.dropped))
    b.tx.session.execute(mine.values(index=col(Room.index) + OUT_OF_THE_WAY))


def _unpin(b: LockedBreakout, room_ids: Sequence[str]) -> None:
    """Let go of the people who are pinned to these rooms."""
    pinned = col(Seat.room_id).in_(room_ids), col(Seat.wanted), col(Seat.pinned)
    for seat in b.tx.session.scalars(select(Seat).where(*pinned)):
        seat.pinned = False
    b.tx.session.flush()


def _pin(b: LockedBreakout, rooms: Sequence[Room], listed: dict[str, int]) -> None:
    """Seat people who have no seats in the rooms in which they are listed."""
    if not listed:
        return
    b.row.kept_in_main = [row_id for row_id in b.row.kept_in_main if row_id not in listed]
    if all(room.wanted is RoomWanted.NOTHING for room in rooms):
        insert_seats(b, [Placed(rooms[index].id, row_id, pinned=True) for row_id, index in listed.items()])
        return
    people = _by_room({row_id: rooms[index].id for row_id, index in listed.items()})
    seat_all(b, [(room, people[room.id]) for room in rooms if room.id in people], pinned=True)
