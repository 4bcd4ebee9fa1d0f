"""Giving people seats: latecomers, the people of a failed room, those of a room that is tried again."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import exists, select
from sqlmodel import col

from orchestrator.domain.distribution import RoomNow, redistribute
from orchestrator.domain.membership import may_be_dealt, takes_people
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store import due
from orchestrator.store.queries import room_sizes
from schemas.states import POINTS_TO_ROOM, AssignmentMode, LateJoin, RoomWanted, SeatState
from schemas.tables import Participant, Room, Seat


def seat_latecomers(b: LockedBreakout, participant_ids: Collection[str] | None = None) -> None:
    """Seat people (None: of the whole meeting) whom an even assignment deals and who never had a seat in this breakout.

    Each goes into the room that is least filled by then. Without a place they stay in main.
    """
    if b.row.mode is not AssignmentMode.EVEN or b.row.late_join is not LateJoin.LEAST_FILLED:
        return
    late = [person.id for person in _never_seated(b, participant_ids) if _is_dealt(b, person)]
    if not late:
        return
    rooms = [room for room in b.rooms() if takes_people(room)]
    sizes = room_sizes(b.tx.session, b.row.id)
    placed = redistribute(late, [RoomNow(sizes.get(room.id, 0), room.max_participants) for room in rooms])
    for index, room in enumerate(rooms):
        seat_in(b, room, {person_id: None for person_id in late if placed[person_id] == index})
    b.people.raise_versions(late)


def _never_seated(b: LockedBreakout, participant_ids: Collection[str] | None) -> list[Participant]:
    seated = exists().where(col(Seat.participant_id) == col(Participant.id), col(Seat.breakout_id) == b.row.id)
    statement = select(Participant).where(col(Participant.meeting_id) == b.row.meeting_id, ~seated)
    if participant_ids is not None:
        statement = statement.where(col(Participant.id).in_(participant_ids))
    return list(b.tx.session.scalars(statement.order_by(col(Participant.id))))


def _is_dealt(b: LockedBreakout, person: Participant) -> bool:
    return may_be_dealt(b.row, b.people.value(person, "role"), b.people.value(person, "location"))


def seat_again(b: LockedBreakout, room: Room, seats: Sequence[Seat]) -> None:
    """Give people whose seats in this room have ended new seats in it. RealtimeKit may already have their records."""
    ended = [seat for seat in seats if seat.state is SeatState.NEVER_JOINED]
    for seat in ended:
        seat.wanted = False
        seat.realtimekit_participant_id, seat.in_doubt = None, True
    b.tx.session.flush()
    seat_in(b, room, {seat.participant_id: None for seat in ended})


def seat_in(b: LockedBreakout, room: Room, people: Mapping[str, Seat | None]) -> None:
    """Seat people in a room; `people` holds the previous seat of each.

    A person who had a seat in this room before keeps the record that RealtimeKit has of them.
    """
    if not people:
        return
    statement = select(Seat).where(col(Seat.room_id) == room.id, col(Seat.participant_id).in_(people))
    before = {seat.participant_id: seat for seat in b.tx.session.scalars(statement.order_by(col(Seat.id)))}
    b.names(people)
    for participant_id, previous in people.items():
        earlier = before.get(participant_id)
        b.add_seat(
            Seat(
                breakout_id=b.row.id,
                room_id=room.id,
                participant_id=participant_id,
                pinned=previous is not None,
                previous_id=_kept_until_then(previous),
                realtimekit_participant_id=earlier.realtimekit_participant_id if earlier else None,
                in_doubt=earlier.in_doubt if earlier else False,
            )
        )
    if room.wanted in (RoomWanted.READY, RoomWanted.OPEN):
        due.want(b.tx, Room, [room.id])


def _kept_until_then(previous: Seat | None) -> str | None:
    """Return the seat that a person keeps until the token for the new one is there."""
    if previous is None:
        return None
    return previous.id if previous.state in POINTS_TO_ROOM else previous.previous_id
