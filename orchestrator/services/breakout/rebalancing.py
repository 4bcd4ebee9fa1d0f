"""Dissolving the rooms of an open breakout in which too few people are, for instance after no-shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.domain.rebalancing import Filled, Rebalanced, rebalance
from orchestrator.domain.wording import count
from orchestrator.errors import WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.leaving import ask_overstayers_to_leave
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.room_ends import begin_closing
from orchestrator.services.breakout.seating import kept_seats, seat_all
from orchestrator.services.deps import Deps
from schemas.events import ProblemKind
from schemas.states import COMING, POINTS_TO_ROOM, BreakoutState, CloseReason, RoomState, RoomWanted, SeatState
from schemas.tables import Room, Seat


@dataclass(frozen=True)
class Moved:
    """Somebody whose room was dissolved, by the caller's own id, and where they go."""

    custom_participant_id: str
    from_room_id: str
    to_room_id: str


def dissolve_small_rooms(deps: Deps, breakout_id: str, min_room_size: int) -> list[Moved]:
    """Dissolve rooms in which fewer people are than that into the least filled others. Returns who moves.

    People stay where they are until the tokens for their new rooms are there. Raises Unknown, WrongState.
    """
    with locked(deps, breakout_id) as b:
        if b.row.state is not BreakoutState.OPEN:
            words = f"the rooms of a breakout that is {b.row.state} can't be rebalanced"
            raise WrongState(words, b.row.state.value, [BreakoutState.OPEN.value])
        b.lock_rooms()
        rooms = [room for room in b.rooms() if room.state is RoomState.OPEN and room.wanted is RoomWanted.OPEN]
        seats = _seats(b, rooms)
        decided = rebalance([_filled(room, seats[room.id]) for room in rooms], min_room_size)
        _report_stuck(b, [rooms[index] for index in decided.without_place], seats)
        _seat_elsewhere(b, rooms, seats, decided)
        for index in decided.dissolved:
            begin_closing(b, rooms[index], CloseReason.API, None)
        if decided.dissolved:
            b.change_by_operator(["plan", "rooms"])
        names = b.names(move.person for move in decided.moves)
        return [Moved(names[it.person], rooms[it.from_room].id, rooms[it.to_room].id) for it in decided.moves]


def _seats(b: LockedBreakout, rooms: Sequence[Room]) -> Mapping[str, list[Seat]]:
    """Return the seats of people who belong in each room, in the order of their ids."""
    found = b.seats_of_rooms([room.id for room in rooms])
    belong = POINTS_TO_ROOM | COMING
    return {
        room.id: sorted((it for it in found[room.id] if it.state in belong), key=lambda seat: seat.id) for room in rooms
    }


def _filled(room: Room, seats: Sequence[Seat]) -> Filled:
    there = frozenset(seat.participant_id for seat in seats if seat.state is SeatState.JOINED)
    return Filled(tuple(seat.participant_id for seat in seats), there, room.max_participants)


def _report_stuck(b: LockedBreakout, rooms: Sequence[Room], seats: Mapping[str, list[Seat]]) -> None:
    for room in rooms:
        people = count(len(seats[room.id]), "person", "people")
        words = f"{room.name} stays: the other rooms have no place for its {people}"
        b.report(ProblemKind.NO_PLACE, words, room_id=room.id)


def _seat_elsewhere(
    b: LockedBreakout, rooms: Sequence[Room], seats: Mapping[str, list[Seat]], decided: Rebalanced
) -> None:
    """Seat the people of dissolved rooms in others. Each keeps the seat that their browser is shown until then."""
    going = {move.person: rooms[move.to_room] for move in decided.moves}
    ended = [seat for room in rooms for seat in seats[room.id] if seat.participant_id in going]
    kept = kept_seats(b, ended)
    b.move_seats([seat for seat in ended if seat.state in COMING], SeatState.NEVER_JOINED)
    for seat in ended:
        seat.wanted = False
    b.tx.session.flush()
    groups: dict[str, dict[str, Seat | None]] = {room.id: {} for room in rooms}
    for person, room in going.items():
        groups[room.id][person] = kept.get(person)
    seat_all(b, [(room, groups[room.id]) for room in rooms])
    ask_overstayers_to_leave(b, list(going))
    b.people.raise_versions(going)
