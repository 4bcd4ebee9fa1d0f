"""Child meetings that the rounds of a series share: kept when a round closes, and taken over by the next one."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, bindparam, exists, select, update
from sqlmodel import Session, col

from orchestrator.domain.tokens import has_good_token
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.behind import people_behind
from orchestrator.store import due
from orchestrator.store.aliases import shared_alias
from orchestrator.store.database import execute
from schemas.states import ENDED, LIVE, PLANNED, RoomWanted, SeatState
from schemas.tables import Breakout, Room, Seat
from schemas.tables.admission import Admission

RECORD = ("realtimekit_participant_id", "name_at_realtimekit", "preset_at_realtimekit", "in_doubt")
"""The columns of a seat that tell of a person's record in a child meeting."""


_USER, _OF_USER, _OWN = shared_alias(Room), shared_alias(Breakout), shared_alias(Breakout)
"""A room that uses a child meeting, its breakout, and the breakout of the room that is asked about."""
_OF_ROUND = select(col(Room.id)).join(_OWN, col(_OWN.id) == col(Room.breakout_id))
_HAS_IT = exists().where(
    col(_USER.realtimekit_meeting_id) == col(Room.realtimekit_meeting_id),
    col(_USER.id) != col(Room.id),
    col(_USER.retired_at).is_(None),
)
_MAY_USE_IT = exists().where(
    col(_OF_USER.series_id) == col(_OWN.series_id),
    col(_OF_USER.round) > col(_OWN.round),
    col(_OF_USER.state).in_(PLANNED),
)
_KEPT_FOR_LATER = _OF_ROUND.where(
    col(Room.id).in_(bindparam("some")), col(_OWN.series_id).is_not(None), _HAS_IT | _MAY_USE_IT
)
_USED_BY_LIVE = (
    _OF_ROUND.join(_OF_USER, col(_OF_USER.series_id) == col(_OWN.series_id))
    .join(_USER, col(_USER.breakout_id) == col(_OF_USER.id))
    .where(
        col(Room.id).in_(bindparam("some")),
        col(_OWN.state).in_(ENDED),
        col(_OF_USER.state).in_(LIVE),
        col(_USER.realtimekit_meeting_id) == col(Room.realtimekit_meeting_id),
    )
)


def kept_for_later(session: Session, rooms: Sequence[Room]) -> set[str]:
    """Return those of these rooms whose child meetings are not to be retired with them.

    A later round that has not begun may use it, or a room of a later round has it by now.
    """
    return set(execute(session, _KEPT_FOR_LATER, {"some": [room.id for room in rooms]}).scalars()) if rooms else set()


def used_by_live_round(session: Session, rooms: Sequence[Room]) -> set[str]:
    """Return those of these rooms of rounds that are over whose child meetings a live round uses now."""
    return set(execute(session, _USED_BY_LIVE, {"some": [room.id for room in rooms]}).scalars()) if rooms else set()


def take_over(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Give rooms of a round that have no child meetings those of the rounds before, with the people they have admitted.

    Rooms of the same index share one. Whoever has a good token for it needs no call.
    """
    if b.row.series_id is None:
        return
    without = {room.index: room for room in _without_meeting(b, rooms)}
    if not without:
        return
    given = {room.index: room for room in _kept(b, list(without))}
    for index, earlier in given.items():
        without[index].realtimekit_meeting_id = earlier.realtimekit_meeting_id
        without[index].name_at_realtimekit = earlier.name_at_realtimekit
    b.tx.session.flush()
    b.tx.session.execute(update(Room).where(col(Room.id).in_([it.id for it in given.values()])).values(kept=False))
    _take_over_records(b, [without[index] for index in given])


def know_again(b: LockedBreakout, rooms: Sequence[Room], seats: Sequence[Seat]) -> None:
    """Store, for new seats in rooms with child meetings of earlier rounds, the records that these people have there.

    A second record of somebody would cost another add. Their token is asked for anew, as for everybody who moves back.
    """
    shared = [room for room in rooms if room.realtimekit_meeting_id is not None]
    if b.row.series_id is None or not shared or not seats:
        return
    earlier = _earlier_seats(b, shared)
    for seat in seats:
        if known := earlier.get((seat.room_id, seat.participant_id)):
            seat.again_since = b.now
            for column in RECORD:
                setattr(seat, column, getattr(known, column))


def release_kept(b: LockedBreakout) -> None:
    """Make rooms due whose child meetings were kept for a round of this series, when none is to come any more.

    So are rooms that are about to be retired: their passes may have begun while a round was to come.
    """
    to_come = col(Breakout.series_id) == b.row.series_id, col(Breakout.state).not_in(ENDED)
    if b.tx.session.scalar(select(col(Breakout.id)).where(*to_come).limit(1)) is None:
        ending = col(Room.retired_at).is_(None) & (col(Room.wanted) == RoomWanted.CLOSED)
        left = select(col(Room.id)).where(_in_series(b), col(Room.kept) | ending)
        due.want(b.tx, Room, b.tx.session.scalars(left).all())


def _without_meeting(b: LockedBreakout, rooms: Sequence[Room]) -> Sequence[Room]:
    """Return, locked, the rooms that have no child meeting, and whose passes have not begun to make one."""
    b.tx.session.flush()
    statement = (
        select(Room)
        .where(
            col(Room.id).in_([room.id for room in rooms]),
            col(Room.realtimekit_meeting_id).is_(None),
            col(Room.in_doubt_since).is_(None),
        )
        .order_by(col(Room.id))
        .with_for_update(key_share=True)
    )
    return b.tx.session.scalars(statement, execution_options={"populate_existing": True}).all()


def _kept(b: LockedBreakout, indexes: Sequence[int]) -> Sequence[Room]:
    """Return the rooms of earlier rounds whose child meetings are free, those of later rounds last.

    The pass of a room that is due may yet put people out of its meeting.
    """
    statement = (
        select(Room)
        .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
        .where(_in_series(b), col(Room.kept), col(Room.index).in_(indexes), col(Breakout.round) < b.row.round)
        .where(col(Room.due_at).is_(None))
    )
    return b.tx.session.scalars(statement.order_by(col(Breakout.round), col(Room.index))).all()


def _take_over_records(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Copy what is known of people's records and tokens in the child meetings of these rooms from earlier seats."""
    earlier = _earlier_seats(b, rooms)
    of_rooms = b.seats_of_rooms([room.id for room in rooms])
    seats = [seat for room_id in sorted(of_rooms) for seat in of_rooms[room_id]]
    for seat in seats:
        seat.again_since = b.now  # stays of earlier rounds in the same meeting do not count
        if known := earlier.get((seat.room_id, seat.participant_id)):
            for column in Admission.model_fields.keys() - {"token_wanted"}:
                setattr(seat, column, getattr(known, column))
    ready = [it for it in seats if it.state is SeatState.ASSIGNED and has_good_token(it, b.now) and not it.in_doubt]
    b.move_seats(ready, SeatState.ADMITTED)


def _earlier_seats(b: LockedBreakout, rooms: Sequence[Room]) -> dict[tuple[str, str], Seat]:
    """Return people's latest seats of earlier rounds in the child meetings of these rooms, by room and person."""
    ids = {room.realtimekit_meeting_id: room.id for room in rooms}
    statement = (
        select(Seat, col(Room.realtimekit_meeting_id))
        .join(Room, col(Room.id) == col(Seat.room_id))
        .where(col(Room.realtimekit_meeting_id).in_(ids), col(Room.id).not_in(ids.values()))
        .order_by(col(Seat.id))
    )
    behind = people_behind(b.tx.session, b.row)
    found: dict[tuple[str, str], Seat] = {}
    for seat, meeting_id in b.tx.session.execute(statement):
        person = behind.get(seat.participant_id)
        found[ids[meeting_id], person.id if person else seat.participant_id] = seat
    return found


def _in_series(b: LockedBreakout) -> ColumnElement[bool]:
    of_series = select(col(Breakout.id)).where(col(Breakout.series_id) == b.row.series_id)
    return col(Room.breakout_id).in_(of_series)
