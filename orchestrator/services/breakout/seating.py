"""Giving people seats: latecomers, the people of a failed room, those of a room that is tried again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlmodel import col

from orchestrator.domain.distribution import RoomNow, deal_further
from orchestrator.domain.latecomers import deal_by_rules
from orchestrator.domain.membership import may_be_dealt, takes_people
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.reusing import know_again
from orchestrator.services.breakout.rules import named_in_rooms, rules
from orchestrator.store import due
from orchestrator.store.queries import people_in, room_sizes
from schemas.events import ProblemKind
from schemas.states import (
    COMING,
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
from schemas.tables import Participant, Room, Seat

UNDER_WAY = COMING | {SeatState.INVITED}
"""States of a seat whose person is not known to have been in the room."""
Seated = Sequence[tuple[Room, Mapping[str, Seat | None]]]
"""People by the rooms in which they are to be seated, each with the seat that they keep until then."""


def seat_latecomers(b: LockedBreakout, participant_ids: Collection[str] | None = None) -> None:
    """Seat people (None: of the whole meeting) whom an even assignment deals and who never had a seat in this breakout.

    Each goes into the room with the fewest people by then, of those where no rule is broken. Without a place they stay
    in main, which is reported.
    """
    if b.row.mode is AssignmentMode.EVEN and b.row.late_join is LateJoin.LEAST_FILLED:
        seat_further(b, dealable(b, participant_ids, never_seated=True))


@dataclass(frozen=True)
class Dealable:
    """Whom a deal is for: our ids by the callers' own."""

    ids: Mapping[str, str]
    hosts: frozenset[str] = frozenset()
    """Those of them who are dealt one to a room, as its facilitators."""


def seat_further(b: LockedBreakout, people: Dealable, room_size: int | None = None) -> None:
    """Seat people besides those who are seated.

    While the breakout is open, the people who are in a room go before those who belong there.
    """
    if not people.ids:
        return
    rooms = [room for room in b.rooms() if takes_people(room)]
    sizes = room_sizes(b.tx.session, b.row.id)
    there = people_in(b.tx.session, [room.id for room in rooms]) if b.row.state is BreakoutState.OPEN else {}
    with_host = rooms_with_host(b) if people.hosts else set()
    now = [
        RoomNow(
            sizes.get(room.id, 0),
            room_limit(room, room_size),
            there.get(room.id, 0) if there else None,
            has_host=room.id in with_host,
        )
        for room in rooms
    ]
    placed = _placed(b, people, rooms, now)
    groups: list[dict[str, Seat | None]] = [{} for _ in rooms]
    for name, index in placed.items():
        if index is not None:
            groups[index][people.ids[name]] = None
    seat_all(b, list(zip(rooms, groups, strict=True)))
    b.people.raise_versions(participant_id for group in groups for participant_id in group)
    report_no_place(b, [name for name, index in placed.items() if index is None])


def _placed(
    b: LockedBreakout, people: Dealable, rooms: Sequence[Room], now: Sequence[RoomNow]
) -> dict[str, int | None]:
    """Return the index of the room of each person, or None without a place."""
    if not b.row.together and not b.row.apart:
        return deal_further(people.ids, now, b.row.seed, people.hosts)
    named = named_in_rooms(b)
    groups = [named.get(room.id, []) for room in rooms]
    return deal_by_rules(people.ids, now, groups, rules(b), b.row.seed, hosts=people.hosts)


def room_limit(room: Room, room_size: int | None) -> int | None:
    """Return how many people a room takes in a deal with this `room_size`; None: any number."""
    return min((limit for limit in (room.max_participants, room_size) if limit is not None), default=None)


def take_seats_away(b: LockedBreakout, participant_ids: Collection[str]) -> None:
    """Take the seats of these people away before the start. Of one in a prepared room RealtimeKit may have a record."""
    mine = col(Seat.breakout_id) == b.row.id, col(Seat.wanted), col(Seat.participant_id).in_(participant_ids)
    if not participant_ids:
        return
    in_prepared = col(Room.wanted) != RoomWanted.NOTHING
    prepared = select(Seat).join(Room, col(Room.id) == col(Seat.room_id)).where(*mine, in_prepared)
    ended = b.tx.session.scalars(prepared, execution_options={"populate_existing": True}).all()
    b.move_seats(ended, SeatState.NEVER_JOINED)
    for seat in ended:
        seat.wanted = seat.pinned = False
    b.tx.session.flush()
    b.tx.session.execute(delete(Seat).where(*mine))


def rooms_with_host(b: LockedBreakout) -> set[str]:
    """Return the rooms to which a host belongs now."""
    statement = select(col(Seat.room_id)).join(Participant, col(Participant.id) == col(Seat.participant_id))
    hosts = col(Seat.breakout_id) == b.row.id, col(Seat.wanted), col(Participant.role) == Role.HOST
    return set(b.tx.session.scalars(statement.where(*hosts)))


def dealable(
    b: LockedBreakout, participant_ids: Collection[str] | None = None, *, never_seated: bool = False
) -> Dealable:
    """Return whom an even assignment deals, of these people (None: of all).

    Nobody deals people whom an operator has moved to main before the start.
    """
    columns = col(Participant.id), col(Participant.custom_participant_id), col(Participant.role)
    statement = select(*columns, col(Participant.location)).where(col(Participant.meeting_id) == b.row.meeting_id)
    if never_seated:  # NOT IN, because NOT EXISTS took 0.8 s of 5,000 people while PostgreSQL had no statistics yet
        seated = select(col(Seat.participant_id)).where(col(Seat.breakout_id) == b.row.id, ~col(Seat.given_up))
        statement = statement.where(col(Participant.id).not_in(seated))
    if participant_ids is not None:
        statement = statement.where(col(Participant.id).in_(participant_ids))
    roles, locations = b.people.changed("role"), b.people.changed("location")
    ids: dict[str, str] = {}
    hosts = set()
    for row_id, name, stored_role, location in b.tx.session.execute(statement):
        role = roles.get(row_id, stored_role)
        if may_be_dealt(b.row, role, locations.get(row_id, location)) and row_id not in b.row.kept_in_main:
            ids[name] = row_id
            if role is Role.HOST:
                hosts.add(name)
    return Dealable(ids, frozenset(hosts) if b.row.include_hosts == "one_per_room" else frozenset())


def free_seats_of_the_absent(b: LockedBreakout) -> None:
    """With `who: present`, take back the seats of people who have left before the start. Pinned people keep theirs."""
    if b.row.who is not Who.PRESENT:
        return
    b.lock_rooms()
    statement = (
        select(Seat)
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(
            col(Seat.breakout_id) == b.row.id,
            col(Seat.wanted),
            ~col(Seat.pinned),
            col(Seat.state).in_(COMING),
            col(Participant.location) == Location.AWAY,
        )
    )
    absent = b.tx.session.scalars(statement, execution_options={"populate_existing": True}).all()
    b.move_seats(absent, SeatState.NEVER_JOINED)
    for seat in absent:
        seat.wanted, seat.given_up = False, True
    b.tx.session.flush()


def report_no_place(b: LockedBreakout, names: Iterable[str]) -> None:
    """Report each person for whom no room has a place, once in the life of the breakout."""
    left = sorted(names)
    if left:
        known = {data["custom_participant_id"] for data in b.reported(ProblemKind.NO_PLACE)}
        for name in left:
            if name not in known:
                words = "every room is full: they stay in the main meeting"
                b.report(ProblemKind.NO_PLACE, words, custom_participant_id=name)


def seat_again(b: LockedBreakout, room: Room, seats: Sequence[Seat]) -> None:
    """Give people whose seats in this room have ended new seats in it. RealtimeKit may already have their records."""
    seat_in(b, room, {seat.participant_id: None for seat in seats if seat.state is SeatState.NEVER_JOINED})


def seat_in(b: LockedBreakout, room: Room, people: Mapping[str, Seat | None], *, pinned: bool = False) -> None:
    """Seat people in a room; `people` holds the seat that each keeps until the token for the new one is there."""
    seat_all(b, [(room, people)], pinned=pinned)


def seat_all(b: LockedBreakout, seated: Seated, *, pinned: bool = False) -> None:
    """Seat people in rooms, in as many statements however many they are; rooms come with the seats that people keep.

    A person has one seat in a room. One who is seated where they still are has never left, and stays.
    """
    filled = [(room, people) for room, people in seated if people]
    ids = [participant_id for _, people in filled for participant_id in people]
    if not ids:
        return
    b.tx.session.flush()
    statement = select(Seat).where(
        col(Seat.room_id).in_([room.id for room, _ in filled]), col(Seat.participant_id).in_(ids)
    )
    earlier = {(seat.room_id, seat.participant_id): seat for seat in b.tx.session.scalars(statement)}
    b.names(ids)
    know_again(b, [room for room, _ in filled], _seat(b, filled, earlier, pinned=pinned))
    due.want(b.tx, Room, [room.id for room, _ in filled if room.wanted in (RoomWanted.READY, RoomWanted.OPEN)])


def _seat(b: LockedBreakout, filled: Seated, earlier: Mapping[tuple[str, str], Seat], *, pinned: bool) -> list[Seat]:
    """Give everybody a new seat, or that which they have had in the room. Returns the new ones.

    One column is changed at a time, because rows that change alike are written in one statement.
    """
    new, again, staying = [], [], []
    for room, people in filled:
        for participant_id, kept in people.items():
            seat = earlier.get((room.id, participant_id))
            if seat is None:
                seat = Seat(breakout_id=b.row.id, room_id=room.id, participant_id=participant_id, pinned=pinned)
                seat.previous_id = kept.id if kept else None
                b.add_seat(seat)
                new.append(seat)
            elif kept is not None and seat.id == kept.id:
                staying.append(seat)
            else:
                b.begin_seat_again(seat, kept.id if kept else None)
                again.append(seat)
    b.tx.session.flush()
    for seat in staying:
        seat.wanted = True
    b.tx.session.flush()
    for seat in again + staying:
        seat.pinned = pinned
    return new


def kept_seats(b: LockedBreakout, seats: Iterable[Seat]) -> dict[str, Seat]:
    """Return, by person, the seat in a room that their browser is shown. These are their wanted seats.

    It is the wanted seat itself, or, until their token for that is there, the one that they keep.
    """
    kept = {seat.participant_id: seat for seat in seats if seat.state in POINTS_TO_ROOM}
    before = {seat.previous_id for seat in seats if seat.state in COMING and seat.previous_id}
    if before:
        statement = select(Seat).where(col(Seat.id).in_(before), col(Seat.state).in_(POINTS_TO_ROOM))
        kept |= {seat.participant_id: seat for seat in b.tx.session.scalars(statement)}
    return kept


def take_back_moves(b: LockedBreakout, seats: Sequence[Seat], *, into_open: bool = False) -> list[Seat]:
    """Let people whose move ends before it is done have their earlier seat again. Returns the other seats.

    That is the seat that their browser is shown. For people who have been told to go, and have not arrived as far as is
    known, it is the seat in whose room they have been. With `into_open` nobody goes back to a room that closes.
    """
    moves = {seat.previous_id: seat for seat in seats if seat.previous_id and seat.state in UNDER_WAY}
    statement = select(Seat).where(col(Seat.id).in_(moves), col(Seat.state).in_(POINTS_TO_ROOM))
    if into_open:
        is_open = col(Room.state) == RoomState.OPEN, col(Room.wanted) == RoomWanted.OPEN
        statement = statement.join(Room, col(Room.id) == col(Seat.room_id)).where(*is_open)
    before = b.tx.session.scalars(statement).all() if moves else ()
    been = [it for it in before if it.state is not SeatState.INVITED or moves[it.id].state in COMING]
    kept = {seat.participant_id: seat for seat in been}
    ended = [seat for seat in seats if seat.participant_id in kept]
    b.move_seats(ended, SeatState.NEVER_JOINED)
    for seat in ended:
        seat.wanted = False
    b.tx.session.flush()
    for seat in ended:
        kept[seat.participant_id].wanted = True
    return [seat for seat in seats if seat.participant_id not in kept]
