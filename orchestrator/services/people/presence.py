"""Who is where: facts from webhooks, polls and browsers' acks, merged into one view.

Facts may come in any order and any number of times. A fact is never fenced, because it is true whoever works on the
breakout. It is applied under the live breakout's lock, and moves a seat only where the table of moves allows it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from sqlalchemy import bindparam, select
from sqlmodel import col

from orchestrator.domain.presence import is_home
from orchestrator.services.breakout import keeping_recorded
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.leaving import ask_to_leave, overstaying
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.breakout.missing import wait_for_people_put_out
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.breakout.room_ends import rooms_may_close
from orchestrator.services.breakout.seating import seat_latecomers
from orchestrator.services.people import visits
from orchestrator.services.people.stays import Stay, end, merge
from orchestrator.store import due
from orchestrator.store.database import Transaction, execute
from orchestrator.store.queries import holds, places, used_seats
from schemas.events import Actor, ActorKind
from schemas.states import RUNNING, Location, RoomWanted, SeatState
from schemas.tables import IS_LOST, Breakout, Participant, Presence, Room, Seat


def apply(m: MeetingScope, stays: Sequence[Stay]) -> None:
    """Merge these stays, and bring everything in line with where their people are now."""
    if not stays:
        return
    merge(m.tx, m.meeting_id, stays)
    visits.keep(m.tx, stays)
    ids = sorted({stay.participant_id for stay in stays})
    by_browser = {stay.participant_id: stay.by_browser for stay in stays}  # of several of one person the last counts
    said_by = _actors(m.breakout, by_browser) if m.breakout else {}
    _settle(m.tx, m.people, m.breakout, ids, news_of={stay.room_id for stay in stays if stay.room_id}, said_by=said_by)


def _actors(b: LockedBreakout, by_browser: Mapping[str, bool]) -> dict[str, str]:
    """Return, by person, who says where they are: their own browser, or RealtimeKit."""
    names = b.names(person_id for person_id, is_own in by_browser.items() if is_own)
    return {
        person_id: ActorKind.PARTICIPANT.named(names[person_id]) if is_own else Actor.REALTIMEKIT
        for person_id, is_own in by_browser.items()
    }


def note_emptied(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """End every stay in rooms whose people were put out, who get a grace to come home.

    Who was in a room again that was retired before gets no other grace, or they could hold up the breakout's end.
    """
    here = select(Presence).where(
        col(Presence.room_id).in_([room.id for room in rooms]), col(Presence.left_at).is_(None)
    )
    people = end(b.tx, here, b.now)
    if not people:
        return
    if any(room.retired_at is None for room in rooms):
        wait_for_people_put_out(b, rooms)
    _settle(b.tx, b.people, b, sorted(people))


def set_present(m: MeetingScope, present: Mapping[str, bool]) -> None:
    """Take the caller's word on whether each of these people is in the main meeting."""
    absent = [person_id for person_id, is_here in present.items() if not is_here]
    in_main = select(Presence).where(
        col(Presence.participant_id).in_(absent), col(Presence.left_at).is_(None), col(Presence.room_id).is_(None)
    )
    end(m.tx, in_main, m.now)
    merge(m.tx, m.meeting_id, [Stay(person_id, None, None, None, m.now) for person_id in present.keys() - set(absent)])
    _settle(m.tx, m.people, m.breakout, sorted(present))


def _settle(
    tx: Transaction,
    people: PeopleWrites,
    b: LockedBreakout | None,
    ids: list[str],
    *,
    news_of: Collection[str] = (),
    said_by: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Bring everything in line with where these people are. `news_of` are the rooms that they have been in, it is said.

    `said_by` is who says where each of them is; of the others it is whoever does all this.

    1. Locate them.
    2. Lock the rooms of their seats, because rooms are locked before seats.
    3. Move their seats.
    4. Make rooms due that people are in, must leave, or are to be seated in.
    5. Make earlier breakouts due for which this is late news.
    """
    where = places(tx.session, ids)
    _locate(tx, people, ids)
    if b is None:
        return
    statement = select(Seat).where(col(Seat.breakout_id) == b.row.id, col(Seat.participant_id).in_(ids))
    seats = tx.session.scalars(statement).all()
    b.has_facts |= rooms_may_close(b)
    _lock_rooms(b, ids, seats)
    b.names(ids if seats else ())
    joined = _move_seats(b, seats, where, said_by)
    _put_out_of_retired_rooms(tx, where)
    if b.row.state in RUNNING:
        ask_to_leave(b, overstaying(seats, where))
        seat_latecomers(b, ids)
    keeping_recorded.on_joined(b, {seat.room_id for seat in joined})
    _tell_earlier_breakouts(b, ids, news_of)


def _tell_earlier_breakouts(b: LockedBreakout, ids: Sequence[str], news_of: Collection[str]) -> None:
    """Make earlier breakouts due in which these people are missing, or never joined a room of which there is news now.

    Somebody may never have joined in any number of breakouts, so only those rooms are looked at.
    """
    theirs = col(Seat.participant_id).in_(ids), col(Seat.breakout_id) != b.row.id
    late = set(b.tx.session.scalars(select(col(Seat.breakout_id)).where(*theirs, holds(Seat, IS_LOST))))
    if news_of:
        never_joined = *theirs, col(Seat.room_id).in_(news_of), col(Seat.state) == SeatState.NEVER_JOINED
        been = used_seats(b.tx.session, *never_joined)
        late.update(b.tx.session.scalars(select(col(Seat.breakout_id)).where(col(Seat.id).in_(been))) if been else ())
    due.due_by(b.tx, Breakout, dict.fromkeys(late, b.now))


def _lock_rooms(b: LockedBreakout, ids: Sequence[str], seats: Sequence[Seat]) -> None:
    """Lock the rooms that news of these people may concern.

    News of seated people concerns the rooms of their seats. A latecomer, and somebody who comes home or leaves a room
    that is to close, may concern any room.
    """
    if not rooms_may_close(b) and {seat.participant_id for seat in seats}.issuperset(ids):
        b.lock_rooms({seat.room_id for seat in seats})
    else:
        b.lock_rooms()


def _move_seats(
    b: LockedBreakout, seats: Sequence[Seat], where: Mapping[str, set[str | None]], said_by: Mapping[str, str]
) -> list[Seat]:
    """Move seats whose people have come, gone, or come home. Returns the seats of those who came."""
    _move_as_said(b, _of_people_who_left_again(b, seats, where), SeatState.JOINED, said_by)
    moves: dict[SeatState, list[Seat]] = {}
    for seat in seats:
        may_join = seat.wanted or seat.state not in (SeatState.INVITED, SeatState.AWAY)
        if may_join and (to := _seat_move(seat, where.get(seat.participant_id, set()))):
            moves.setdefault(to, []).append(seat)
    for to, moving in moves.items():
        _move_as_said(b, moving, to, said_by)
    return moves.get(SeatState.JOINED, [])


def _move_as_said(b: LockedBreakout, seats: Iterable[Seat], to: SeatState, said_by: Mapping[str, str]) -> None:
    whoever = b.actor
    for actor, group in groupby(seats, key=lambda seat: said_by.get(seat.participant_id, whoever)):
        with b.acting(actor):
            b.move_seats(group, to)


def _of_people_who_left_again(
    b: LockedBreakout, seats: Sequence[Seat], where: Mapping[str, set[str | None]]
) -> list[Seat]:
    """Return seats whose people had left again before their arrival was known."""
    gone = [
        seat
        for seat in seats
        if seat.wanted and seat.state is SeatState.INVITED and seat.room_id not in where.get(seat.participant_id, set())
    ]
    been = used_seats(b.tx.session, col(Seat.id).in_([seat.id for seat in gone])) if gone else set()
    return [seat for seat in gone if seat.id in been]


def _seat_move(seat: Seat, where: set[str | None]) -> SeatState | None:
    """Return where a seat moves, given where its person is."""
    in_room = seat.room_id in where
    match seat.state:
        case SeatState.INVITED | SeatState.AWAY if in_room:
            return SeatState.JOINED
        case SeatState.JOINED if not in_room:
            return SeatState.AWAY
        case SeatState.RETURNING if is_home(seat.room_id, where):
            return SeatState.RETURNED
        case SeatState.LOST if None in where:
            return SeatState.RETURNED
    return None


_ENTERED = (
    select(col(Presence.participant_id), col(Presence.room_id))
    .where(col(Presence.participant_id).in_(bindparam("some")), col(Presence.left_at).is_(None))
    .order_by(col(Presence.joined_at), col(Presence.id))
)
_LOCATIONS = select(col(Participant.id), col(Participant.location), col(Participant.location_room_id)).where(
    col(Participant.id).in_(bindparam("some"))
)


def _locate(tx: Transaction, people: PeopleWrites, ids: Iterable[str]) -> None:
    """Store for each person the place that they entered last, of those where they are."""
    whose = {"some": list(ids)}
    latest: dict[str, str | None] = dict(execute(tx.session, _ENTERED, whose).all())
    for row_id, *before in execute(tx.session, _LOCATIONS, whose):
        room_id = latest.get(row_id)
        location = Location.AWAY if row_id not in latest else Location.ROOM if room_id else Location.MAIN
        if before != [location, room_id] or row_id in people.changed("location"):
            people.change(row_id, location=location, location_room_id=room_id)


def _put_out_of_retired_rooms(tx: Transaction, where: Mapping[str, set[str | None]]) -> None:
    """Make retired rooms due in which somebody is (again): their passes put people out."""
    rooms = {room_id for places_of_one in where.values() for room_id in places_of_one if room_id is not None}
    if not rooms:
        return
    retired = select(col(Room.id)).where(
        col(Room.id).in_(rooms), col(Room.wanted) == RoomWanted.CLOSED, col(Room.retired_at).is_not(None)
    )
    due.want(tx, Room, tx.session.scalars(retired).all())
