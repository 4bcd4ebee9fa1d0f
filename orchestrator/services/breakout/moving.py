"""Moving people, at an operator's request or at their own.

A person in a room keeps that seat until the token for the new one is there. Then their browser leaves by itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.emptying import call_home
from orchestrator.services.breakout.leaving import ask_overstayers_to_leave, ask_to_leave
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.seating import kept_seats, seat_all
from orchestrator.services.deps import Deps
from orchestrator.store.queries import participant, room_sizes
from orchestrator.store.versions import PLACES
from schemas.problems import ProblemCode
from schemas.states import (
    ACCOUNTED,
    COMING,
    OPEN_TO_ALL,
    PLANNED,
    RUNNING,
    TAKES_PEOPLE,
    BreakoutState,
    RoomState,
    SeatState,
)
from schemas.tables import Room, Seat

OVER = ACCOUNTED | {SeatState.RETURNING}
"""States of a seat whose person is not to be in its room any more."""


def move_person(deps: Deps, breakout_id: str, custom_participant_id: str, room_id: str | None) -> bool:
    """Seat a person in another room, or (None) in main. Returns whether the breakout runs, so that their browser moves.

    Raises Unknown for a person, Malformed for a room that is not in this breakout, WrongState also for a full one.
    """
    with locked(deps, breakout_id) as b:
        person = participant(b.tx.session, b.row.meeting_id, custom_participant_id)
        _require(b.row.state, PLANNED | RUNNING, "this breakout")
        seats = seats_of(b, [person.id])[person.id]
        present = next((seat for seat in seats if seat.wanted), None)
        if b.row.state in PLANNED:
            b.lock_rooms()  # a seat is pinned, and a look may start the plan after that
            _pin(b, person.id, present, room_id)
        if (present.room_id if present else None) != room_id or present is not present_of(seats):
            room = room_in(b, room_id) if room_id else None
            b.lock_rooms({seat.room_id for seat in seats} | ({room.id} if room else set()))
            if room is not None:
                require_place(room, room_sizes(b.tx.session, b.row.id).get(room.id, 0))
            move_all(b, [Move(person.id, seats, room)], pinned=True)
            b.count_change(*PLACES)
        elif present is not None and present.state is SeatState.AWAY:
            b.people.raise_versions([person.id])  # they are told to go there once more
        return b.row.state in RUNNING


@dataclass(frozen=True)
class Move:
    """A person who is to be seated in a room, or (None) in main."""

    participant_id: str
    seats: Sequence[Seat]
    """All seats that they have had. The rooms of these are locked, as is `room`."""
    room: Room | None

    @property
    def wanted(self) -> Seat | None:
        """The seat that the person has until now."""
        return next((seat for seat in self.seats if seat.wanted), None)


def move_all(b: LockedBreakout, moves: Sequence[Move], *, pinned: bool) -> None:
    """Move people, each of them once, in as many statements however many they are. Their rooms have places for them.

    One column is changed at a time, because rows that change alike are written in one statement.
    """
    for move in moves:
        for seat in move.seats:
            seat.may_come_back = False
    b.tx.session.flush()
    _end_returns(b, [move for move in moves if move.room is not None])
    wanted = [until_now for move in moves if (until_now := move.wanted)]
    kept = kept_seats(b, wanted)
    _end(b, wanted)
    groups: dict[str, tuple[Room, dict[str, Seat | None]]] = {}
    for move in moves:
        if move.room is not None:
            groups.setdefault(move.room.id, (move.room, {}))[1][move.participant_id] = kept.get(move.participant_id)
    seat_all(b, list(groups.values()), pinned=pinned)
    _send_home(b, [kept[it.participant_id] for it in moves if it.room is None and it.participant_id in kept])
    moved = [move.participant_id for move in moves]
    ask_overstayers_to_leave(b, moved)
    b.people.raise_versions(moved)


def present_of(seats: Iterable[Seat]) -> Seat | None:
    """Return a person's seat in a room to which they belong. One in a room that has closed by itself is over."""
    return next((seat for seat in seats if seat.wanted and seat.state not in OVER), None)


def _end_returns(b: LockedBreakout, moves: Iterable[Move]) -> None:
    """Count people as returned from rooms that have sent them home: they get another place, and count there."""
    seats = [seat for move in moves for seat in move.seats if seat.state is SeatState.RETURNING]
    b.move_seats(seats, SeatState.RETURNED)
    b.tx.session.flush()


def _send_home(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    if seats:
        call_home(b, seats)
        b.tx.session.flush()
        ask_to_leave(b, seats)


def _pin(b: LockedBreakout, participant_id: str, present: Seat | None, room_id: str | None) -> None:
    """Remember before the start that an operator wants a person there, so that no deal moves them.

    That holds also for the place where the person is already. A new seat is pinned when it is made.
    """
    others = [row_id for row_id in b.row.kept_in_main if row_id != participant_id]
    b.row.kept_in_main = others if room_id else [*others, participant_id]
    if present is not None and present.room_id == room_id and not present.pinned:
        present.pinned = True
        b.count_change("rooms")


def seats_of(b: LockedBreakout, participant_ids: Collection[str]) -> defaultdict[str, list[Seat]]:
    """Return, by person, every seat that these people have had in the breakout."""
    statement = select(Seat).where(col(Seat.breakout_id) == b.row.id, col(Seat.participant_id).in_(participant_ids))
    found: defaultdict[str, list[Seat]] = defaultdict(list)
    for seat in b.tx.session.scalars(statement):
        found[seat.participant_id].append(seat)
    return found


def _require(state: BreakoutState | RoomState, allowed: Collection[BreakoutState | RoomState], what: str) -> None:
    if state not in allowed:
        raise WrongState(f"{what} is {state}: nobody can be moved", state.value, sorted(it.value for it in allowed))


def room_in(b: LockedBreakout, room_id: str) -> Room:
    """Return the room that a body names. Raises Malformed for one that is not in this breakout."""
    room = b.tx.session.get(Room, room_id)
    if room is None or room.breakout_id != b.row.id or room.dropped:
        raise unknown_room(room_id)
    return room


def unknown_room(room_id: str) -> Malformed:
    """Return the error for a body that names a room which is not in this breakout."""
    return Malformed(f"this breakout has no room {room_id}", ("body", "room_id"), ProblemCode.UNKNOWN_ROOM)


def require_open(room: Room) -> None:
    """Raise WrongState for a room that people can't go to by themselves now."""
    _require(room.state, OPEN_TO_ALL, room.name)


def require_place(room: Room, people: int) -> None:
    """Raise WrongState for a room that takes nobody now, or no more than the people who belong to it already."""
    _require(room.state, TAKES_PEOPLE, room.name)
    if room.max_participants is not None and people >= room.max_participants:
        words = f"{room.name} is full: it takes at most {room.max_participants}"
        raise WrongState(words, room.state.value, (state.value for state in TAKES_PEOPLE), ProblemCode.ROOM_FULL)


def _end(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    """End seats. A person who has been told to go there stays until another room is ready, or is called home."""
    for seat in seats:
        seat.wanted = False
    b.tx.session.flush()
    b.move_seats([seat for seat in seats if seat.state in COMING], SeatState.NEVER_JOINED)
    b.tx.session.flush()
