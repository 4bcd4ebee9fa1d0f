"""Who is where: facts from webhooks, polls and browsers' acks, in any order, any number of times, merged into one view.

A fact is never fenced: it is true whoever works on the breakout. It is applied under the live breakout's lock, and
moves a seat only where the table of moves has an arrow.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select, tuple_
from sqlmodel import col

from orchestrator.services.breakout import recordings, steps
from orchestrator.services.breakout.leaving import is_home, leave
from orchestrator.services.breakout.moves import move_seats
from orchestrator.services.breakout.seating import seat_latecomers
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import places
from schemas.columns import new_id
from schemas.states import POINTS_TO_ROOM, BreakoutState, Location, RoomWanted, SeatState
from schemas.tables import Breakout, Participant, Presence, Room, Seat

ACK = "ack:"
"""Begins the peer id of a stay that only the person's own browser has told of."""


@dataclass(frozen=True)
class Stay:
    """One peer of a person in the parent meeting (`room_id` None) or a room; `left_at` None: still there."""

    participant_id: str
    room_id: str | None
    peer_id: str
    session_id: str | None
    joined_at: datetime
    left_at: datetime | None = None
    polled: bool = False
    """A poll says so: it sees who is there, and can only presume that somebody has left."""


def apply(deps: Deps, tx: Transaction, breakout: Breakout | None, meeting_id: str, stays: Sequence[Stay]) -> None:
    """Merge what is known about peers, and let everything follow from where their people are now.

    `breakout` is the one that `lock_breakout_of` gave for this meeting.
    """
    if not stays:
        return
    _merge(tx, meeting_id, stays)
    people = sorted({stay.participant_id for stay in stays})
    _settle(deps, tx, breakout, people)


def emptied(deps: Deps, tx: Transaction, breakout: Breakout, room_ids: Sequence[str], now: datetime) -> None:
    """Rooms were emptied and retired: whoever was known to be there is not any more."""
    here = select(Presence).where(col(Presence.room_id).in_(room_ids), col(Presence.left_at).is_(None))
    people = _end(tx, here, now)
    if people:
        _settle(deps, tx, breakout, sorted(people))


def _end(tx: Transaction, which: Select[Presence], now: datetime) -> set[str]:
    """End these stays; gives whose they were."""
    found = tx.session.scalars(which).all()
    for presence in found:
        presence.left_at = max(now, presence.joined_at)
    tx.session.flush()
    return {presence.participant_id for presence in found}


def ack_stay(tx: Transaction, person: Participant, room_id: str | None, now: datetime) -> Stay:
    """A browser says where it is: a stay of its own, unless RealtimeKit has told of one there already."""
    here = select(Presence).where(
        col(Presence.participant_id) == person.id, col(Presence.left_at).is_(None), col(Presence.room_id) == room_id
    )
    known = tx.session.scalars(here).first()
    if known is not None:
        return Stay(person.id, room_id, known.peer_id, known.session_id, known.joined_at)
    return Stay(person.id, room_id, f"{ACK}{new_id()}", None, now)


def _merge(tx: Transaction, meeting_id: str, stays: Sequence[Stay]) -> None:
    statement = select(Presence).where(
        col(Presence.meeting_id) == meeting_id, col(Presence.peer_id).in_({stay.peer_id for stay in stays})
    )
    known = {(presence.room_id, presence.peer_id): presence for presence in tx.session.scalars(statement)}
    for stay in stays:
        presence = known.get((stay.room_id, stay.peer_id))
        if presence is None:
            known[stay.room_id, stay.peer_id] = _arrive(tx, meeting_id, stay)
        elif stay.left_at is None:
            _merge_arriving(presence, stay)
        else:
            _merge_leaving(presence, stay, stay.left_at)
    tx.session.flush()


def _merge_arriving(presence: Presence, stay: Stay) -> None:
    """A peer that comes again is there, one that is only told of late is not: what it did last is what counts."""
    if presence.left_at is None:
        presence.joined_at = max(presence.joined_at, stay.joined_at)
    elif stay.joined_at > presence.left_at or (stay.polled and presence.left_presumed):
        presence.joined_at, presence.left_at, presence.left_presumed = stay.joined_at, None, False
    else:
        presence.joined_at = min(presence.joined_at, stay.joined_at)


def _merge_leaving(presence: Presence, stay: Stay, left_at: datetime) -> None:
    """What is presumed changes nothing that is known; nor does a leaving from before the peer came again."""
    if left_at < presence.joined_at or (stay.polled and presence.left_at is not None):
        return
    known = None if presence.left_presumed else presence.left_at
    presence.left_at = max(known or left_at, left_at)
    presence.left_presumed = stay.polled


def _arrive(tx: Transaction, meeting_id: str, stay: Stay) -> Presence:
    """A peer not seen before; what its person's browser said earlier is settled by it."""
    _end_acked(tx, stay)
    presence = Presence(
        meeting_id=meeting_id,
        participant_id=stay.participant_id,
        room_id=stay.room_id,
        session_id=stay.session_id,
        peer_id=stay.peer_id,
        joined_at=stay.joined_at,
        left_at=stay.left_at,
    )
    tx.session.add(presence)
    return presence


def _end_acked(tx: Transaction, stay: Stay) -> None:
    acked = select(Presence).where(
        col(Presence.participant_id) == stay.participant_id,
        col(Presence.left_at).is_(None),
        col(Presence.peer_id).startswith(ACK),
        or_(col(Presence.room_id).is_not_distinct_from(stay.room_id), col(Presence.joined_at) <= stay.joined_at),
    )
    for presence in tx.session.scalars(acked):
        presence.left_at = max(stay.joined_at, presence.joined_at)


def _settle(deps: Deps, tx: Transaction, breakout: Breakout | None, people: list[str]) -> None:
    where = places(tx.session, people)
    _locate(tx, people)
    if breakout is None:
        return
    now = tx.now()
    statement = select(Seat).where(col(Seat.breakout_id) == breakout.id, col(Seat.participant_id).in_(people))
    seats = tx.session.scalars(statement).all()
    _join_those_who_left_again(tx, breakout, seats, where, now=now)
    moves: dict[SeatState, list[Seat]] = {}
    for seat in seats:
        may_join = seat.wanted or seat.state not in (SeatState.INVITED, SeatState.AWAY)
        if may_join and (to := _seat_move(seat, where.get(seat.participant_id, set()))):
            moves.setdefault(to, []).append(seat)
    move_seats(tx, breakout, moves, now)
    _rejoined_closed_rooms(tx, where)
    if breakout.state in (BreakoutState.OPENING, BreakoutState.OPEN):
        leave(deps, tx, _overstaying(seats, where), now)
        seat_latecomers(tx, breakout, now, people)
    recordings.on_joined(tx, breakout, {seat.room_id for seat in moves.get(SeatState.JOINED, [])}, now)
    if breakout.emptied_at is not None:
        steps.look(deps, tx, breakout)


def _join_those_who_left_again(
    tx: Transaction, breakout: Breakout, seats: Sequence[Seat], where: Mapping[str, set[str | None]], *, now: datetime
) -> None:
    """Who came and went before we heard of either has been there all the same.

    Somebody who has had a seat in that room before may have been there for that one, and is left as they are.
    """
    seated = Counter((seat.room_id, seat.participant_id) for seat in seats)
    gone = [
        seat
        for seat in seats
        if seat.wanted and seat.state is SeatState.INVITED and seat.room_id not in where.get(seat.participant_id, set())
    ]
    pairs = [pair for seat in gone if seated[pair := (seat.room_id, seat.participant_id)] == 1]
    if not pairs:
        return
    columns = col(Presence.room_id), col(Presence.participant_id)
    statement = select(*columns).where(tuple_(*columns).in_(pairs))
    been = {(room_id, participant_id) for room_id, participant_id in tx.session.execute(statement)}
    move_seats(tx, breakout, {SeatState.JOINED: [it for it in gone if (it.room_id, it.participant_id) in been]}, now)


def _seat_move(seat: Seat, where: set[str | None]) -> SeatState | None:
    """Where a seat goes, given where its person is."""
    in_room = seat.room_id in where
    match seat.state:
        case SeatState.INVITED | SeatState.AWAY if in_room:
            return SeatState.JOINED
        case SeatState.JOINED if not in_room:
            return SeatState.AWAY
        case SeatState.RETURNING | SeatState.LOST if is_home(seat, where):
            return SeatState.RETURNED
    return None


def _overstaying(seats: Sequence[Seat], where: Mapping[str, set[str | None]]) -> list[Seat]:
    """Seats that were given up, but whose people are in these rooms though they could be where they belong."""
    belong = {seat.participant_id: seat for seat in seats if seat.wanted}
    found = []
    for seat in seats:
        there = seat.room_id in where.get(seat.participant_id, set())
        now_in = belong.get(seat.participant_id)
        could_go = now_in is None or (now_in.state in POINTS_TO_ROOM and now_in.room_id != seat.room_id)
        if there and could_go and not seat.wanted and seat.leave_by is None:
            found.append(seat)
    return found


def _locate(tx: Transaction, people: Iterable[str]) -> None:
    """Keep with each person where they were last seen to arrive, of the places they are in."""
    statement = (
        select(Presence)
        .where(col(Presence.participant_id).in_(list(people)), col(Presence.left_at).is_(None))
        .order_by(col(Presence.joined_at), col(Presence.id))
    )
    latest = {presence.participant_id: presence for presence in tx.session.scalars(statement)}
    persons = select(Participant).where(col(Participant.id).in_(list(people)))
    for person in tx.session.scalars(persons, execution_options={"populate_existing": True}):
        presence = latest.get(person.id)
        person.location_room_id = presence.room_id if presence else None
        person.location = Location.AWAY if presence is None else Location.ROOM if presence.room_id else Location.MAIN


def _rejoined_closed_rooms(tx: Transaction, where: dict[str, set[str | None]]) -> None:
    """Somebody is in a room that closes or has closed: its pass throws them out (again)."""
    rooms = {room_id for places_of_one in where.values() for room_id in places_of_one if room_id is not None}
    if not rooms:
        return
    retired = select(col(Room.id)).where(
        col(Room.id).in_(rooms), col(Room.wanted) == RoomWanted.CLOSED, col(Room.retired_at).is_not(None)
    )
    due.want(tx, Room, tx.session.scalars(retired).all())


def set_present(deps: Deps, tx: Transaction, breakout: Breakout | None, person: Participant, *, present: bool) -> None:
    """The caller's word on whether somebody is in the main meeting."""
    now = tx.now()
    if present:
        apply(deps, tx, breakout, person.meeting_id, [ack_stay(tx, person, None, now)])
        return
    in_main = select(Presence).where(
        col(Presence.participant_id) == person.id, col(Presence.left_at).is_(None), col(Presence.room_id).is_(None)
    )
    _end(tx, in_main, now)
    _settle(deps, tx, breakout, [person.id])
