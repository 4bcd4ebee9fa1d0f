"""Giving people other seats: moved by an operator, or come late.

Who is in a room keeps that seat until the token for the new one is there, and then goes by themselves.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import exists, select
from sqlmodel import col

from orchestrator.domain.distribution import RoomNow, redistribute
from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout.leaving import is_home, leave
from orchestrator.services.breakout.moves import move_seats
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import (
    custom_ids,
    lock_breakout,
    participant,
    places,
    raise_versions,
    room_sizes,
    rooms_of,
)
from schemas.states import (
    POINTS_TO_ROOM,
    AssignmentMode,
    BreakoutState,
    LateJoin,
    Location,
    Role,
    RoomState,
    RoomWanted,
    SeatState,
    Who,
)
from schemas.tables import Breakout, Participant, Room, Seat

PLANNED = frozenset({BreakoutState.DRAFT, BreakoutState.SCHEDULED})
RUNNING = frozenset({BreakoutState.OPENING, BreakoutState.OPEN})
TAKES_PEOPLE = frozenset({RoomState.PLANNED, RoomState.PREPARING, RoomState.READY, RoomState.OPEN})


def move_person(deps: Deps, breakout_id: str, custom_participant_id: str, room_id: str | None) -> bool:
    """Seat a person in another room, or (None) in main; gives whether the breakout runs: then their browser has to go.

    Raises Unknown for a person, Malformed for a room that this breakout has not or that is full, WrongState.
    """
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        person = participant(tx.session, breakout.meeting_id, custom_participant_id)
        _require(breakout.state, PLANNED | RUNNING, "this breakout")
        present = _present_seat(tx, breakout, person.id)
        if (present.room_id if present else None) == room_id:
            return breakout.state in RUNNING
        room = _room_for_one_more(tx, breakout, room_id) if room_id else None
        rooms = (present.room_id if present else None, room_id)
        due.lock_rows(tx, Room, filter(None, rooms))  # before a seat, as their passes do
        now = tx.now()
        if present is not None:
            _unseat(deps, tx, breakout, present, now, goes_home=room is None)
        if room is not None:
            seat_in(tx, breakout, room, {person.id: present}, now)
        breakout.version += 1
        raise_versions(tx, breakout.meeting_id, [person.id])
        return breakout.state in RUNNING


def seat_latecomers(
    tx: Transaction, breakout: Breakout, now: datetime, participant_ids: Collection[str] | None = None
) -> None:
    """Give seats to those (of these people) whom an even assignment could have seated and who never had one.

    One after the other into the least filled room; who finds none with a place stays in main.
    """
    if breakout.mode is not AssignmentMode.EVEN or breakout.late_join is not LateJoin.LEAST_FILLED:
        return
    late = [person.id for person in _never_seated(tx, breakout, participant_ids) if _is_to_be_dealt(breakout, person)]
    if not late:
        return
    rooms = [room for room in rooms_of(tx.session, breakout.id) if _takes_people(room)]
    sizes = room_sizes(tx.session, breakout.id)
    placed = redistribute(late, [RoomNow(sizes.get(room.id, 0), room.max_participants) for room in rooms])
    for index, room in enumerate(rooms):
        seat_in(tx, breakout, room, {person_id: None for person_id in late if placed[person_id] == index}, now)
    raise_versions(tx, breakout.meeting_id, late)


def seat_again(tx: Transaction, breakout: Breakout, room: Room, seats: Sequence[Seat], now: datetime) -> None:
    """Give those whose seats in this room have ended new ones in it; they may be known in its child meeting."""
    ended = [seat for seat in seats if seat.state is SeatState.NEVER_JOINED]
    for seat in ended:
        seat.wanted = False
        seat.realtimekit_participant_id, seat.in_doubt = None, True
    tx.session.flush()
    seat_in(tx, breakout, room, {seat.participant_id: None for seat in ended}, now)


def _never_seated(tx: Transaction, breakout: Breakout, participant_ids: Collection[str] | None) -> list[Participant]:
    seated = exists().where(col(Seat.participant_id) == col(Participant.id), col(Seat.breakout_id) == breakout.id)
    statement = select(Participant).where(col(Participant.meeting_id) == breakout.meeting_id, ~seated)
    if participant_ids is not None:
        statement = statement.where(col(Participant.id).in_(participant_ids))
    return list(tx.session.scalars(statement.order_by(col(Participant.id))))


def _is_to_be_dealt(breakout: Breakout, person: Participant) -> bool:
    here = breakout.who is Who.REGISTERED or person.location is not Location.AWAY
    return here and (breakout.include_hosts or person.role is not Role.HOST)


def _present_seat(tx: Transaction, breakout: Breakout, participant_id: str) -> Seat | None:
    statement = select(Seat).where(
        col(Seat.breakout_id) == breakout.id, col(Seat.participant_id) == participant_id, col(Seat.wanted)
    )
    return tx.session.scalar(statement)


def _require(state: BreakoutState | RoomState, allowed: Collection[BreakoutState | RoomState], what: str) -> None:
    if state not in allowed:
        raise WrongState(f"{what} is {state}: nobody can be moved", state.value, sorted(it.value for it in allowed))


def _takes_people(room: Room) -> bool:
    return room.state in TAKES_PEOPLE and room.wanted is not RoomWanted.CLOSED


def _room_for_one_more(tx: Transaction, breakout: Breakout, room_id: str) -> Room:
    room = tx.session.get(Room, room_id)
    if room is None or room.breakout_id != breakout.id:
        raise Malformed(f"this breakout has no room {room_id}", ("body", "room_id"))
    _require(room.state, TAKES_PEOPLE, room.name)
    people = room_sizes(tx.session, breakout.id).get(room.id, 0)
    if room.max_participants is not None and people >= room.max_participants:
        raise Malformed(f"{room.name} takes at most {room.max_participants}", ("body", "room_id"))
    return room


def _unseat(deps: Deps, tx: Transaction, breakout: Breakout, seat: Seat, now: datetime, *, goes_home: bool) -> None:
    """End a seat. Who goes to another room keeps the way back until that is ready; who goes home has some time."""
    seat.wanted = False
    if seat.state in (SeatState.ASSIGNED, SeatState.ADMITTED) or (goes_home and seat.state is SeatState.INVITED):
        was_told = seat.state is SeatState.INVITED
        move_seats(tx, breakout, {SeatState.NEVER_JOINED: [seat]}, now)
        if was_told:
            leave(deps, tx, [seat], now)
    elif goes_home and seat.state in POINTS_TO_ROOM:
        move_seats(tx, breakout, {SeatState.RETURNING: [seat]}, now)
        if is_home(seat, places(tx.session, [seat.participant_id]).get(seat.participant_id, set())):
            move_seats(tx, breakout, {SeatState.RETURNED: [seat]}, now)
        leave(deps, tx, [seat], now)
    tx.session.flush()


def seat_in(tx: Transaction, breakout: Breakout, room: Room, people: Mapping[str, Seat | None], now: datetime) -> None:
    """Seat people, each with the seat they had so far; who was in this room before is known at RealtimeKit."""
    if not people:
        return
    statement = select(Seat).where(col(Seat.room_id) == room.id, col(Seat.participant_id).in_(people))
    before = {seat.participant_id: seat for seat in tx.session.scalars(statement.order_by(col(Seat.id)))}
    names = custom_ids(tx, people)
    for participant_id, previous in people.items():
        earlier = before.get(participant_id)
        tx.session.add(
            Seat(
                breakout_id=breakout.id,
                room_id=room.id,
                participant_id=participant_id,
                pinned=previous is not None,
                previous_id=_kept_until_then(previous),
                realtimekit_participant_id=earlier.realtimekit_participant_id if earlier else None,
                in_doubt=earlier.in_doubt if earlier else False,
            )
        )
        data = {"custom_participant_id": names[participant_id], "room_id": room.id}
        tx.emit(breakout, "participant.state", now, **data, **{"from": None, "to": SeatState.ASSIGNED})
    if room.wanted in (RoomWanted.READY, RoomWanted.OPEN):
        due.want(tx, Room, [room.id])


def _kept_until_then(previous: Seat | None) -> str | None:
    if previous is None:
        return None
    return previous.id if previous.state in POINTS_TO_ROOM else previous.previous_id
