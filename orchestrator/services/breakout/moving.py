"""Moving a person, at an operator's request or at their own.

A person in a room keeps that seat until the token for the new one is there. Then their browser leaves by itself.
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.emptying import call_home
from orchestrator.services.breakout.leaving import ask_overstayers_to_leave, ask_to_leave
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.seating import kept_seats, seat_in
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
        seats = seats_of(b, person.id)
        present = next((seat for seat in seats if seat.wanted), None)
        if b.row.state in PLANNED:
            b.lock_rooms()  # a seat is pinned, and a look may start the plan after that
            _pin(b, person.id, present, room_id)
        if (present.room_id if present else None) != room_id or present is not present_of(seats):
            room = room_in(b, room_id) if room_id else None
            b.lock_rooms({seat.room_id for seat in seats} | ({room.id} if room else set()))
            move(b, person.id, seats, room, pinned=True)
            b.count_change(*PLACES)
        elif present is not None and present.state is SeatState.AWAY:
            b.people.raise_versions([person.id])  # they are told to go there once more
        return b.row.state in RUNNING


def move(b: LockedBreakout, participant_id: str, seats: Sequence[Seat], room: Room | None, *, pinned: bool) -> None:
    """Seat a person in a room, or (None) in main. `seats` are all that they have had; their rooms are locked.

    Raises WrongState for a room that is full or takes nobody.
    """
    if room is not None:
        _require_place(b, room)
    present = next((seat for seat in seats if seat.wanted), None)
    for seat in seats:
        seat.may_come_back = False
    if room is not None:
        _end_return(b, seats)
    kept = kept_seats(b, [present]).get(participant_id) if present else None
    if present is not None:
        _end(b, present)
    if room is not None:
        seat_in(b, room, {participant_id: kept}, pinned=pinned)
    elif kept is not None:
        call_home(b, [kept])
        ask_to_leave(b, [kept])
    ask_overstayers_to_leave(b, [participant_id])
    b.people.raise_versions([participant_id])


def present_of(seats: Iterable[Seat]) -> Seat | None:
    """Return a person's seat in a room to which they belong. One in a room that has closed by itself is over."""
    return next((seat for seat in seats if seat.wanted and seat.state not in OVER), None)


def _end_return(b: LockedBreakout, seats: Sequence[Seat]) -> None:
    """Count somebody as returned from a room that has sent them home: they get another place, and count there."""
    b.move_seats([seat for seat in seats if seat.state is SeatState.RETURNING], SeatState.RETURNED)


def _pin(b: LockedBreakout, participant_id: str, present: Seat | None, room_id: str | None) -> None:
    """Remember before the start that an operator wants a person there, so that no deal moves them.

    That holds also for the place where the person is already. A new seat is pinned when it is made.
    """
    others = [row_id for row_id in b.row.kept_in_main if row_id != participant_id]
    b.row.kept_in_main = others if room_id else [*others, participant_id]
    if present is not None and present.room_id == room_id and not present.pinned:
        present.pinned = True
        b.count_change("rooms")


def seats_of(b: LockedBreakout, participant_id: str) -> Sequence[Seat]:
    """Return every seat that a person has had in the breakout."""
    statement = select(Seat).where(col(Seat.breakout_id) == b.row.id, col(Seat.participant_id) == participant_id)
    return b.tx.session.scalars(statement).all()


def _require(state: BreakoutState | RoomState, allowed: Collection[BreakoutState | RoomState], what: str) -> None:
    if state not in allowed:
        raise WrongState(f"{what} is {state}: nobody can be moved", state.value, sorted(it.value for it in allowed))


def room_in(b: LockedBreakout, room_id: str) -> Room:
    """Return the room that a body names. Raises Malformed for one that is not in this breakout."""
    room = b.tx.session.get(Room, room_id)
    if room is None or room.breakout_id != b.row.id or room.dropped:
        raise Malformed(f"this breakout has no room {room_id}", ("body", "room_id"), ProblemCode.UNKNOWN_ROOM)
    return room


def require_open(room: Room) -> None:
    """Raise WrongState for a room that people can't go to by themselves now."""
    _require(room.state, OPEN_TO_ALL, room.name)


def _require_place(b: LockedBreakout, room: Room) -> None:
    _require(room.state, TAKES_PEOPLE, room.name)
    people = room_sizes(b.tx.session, b.row.id).get(room.id, 0)
    if room.max_participants is not None and people >= room.max_participants:
        words = f"{room.name} is full: it takes at most {room.max_participants}"
        raise WrongState(words, room.state.value, (state.value for state in TAKES_PEOPLE), ProblemCode.ROOM_FULL)


def _end(b: LockedBreakout, seat: Seat) -> None:
    """End a seat. A person who has been told to go there stays until another room is ready, or is called home."""
    seat.wanted = False
    if seat.state in COMING:
        b.move_seats([seat], SeatState.NEVER_JOINED)
    b.tx.session.flush()
