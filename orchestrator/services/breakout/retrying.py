"""Retrying a room at an operator's request.

The life of a failed one starts again from the beginning. The meeting of an open one is checked by the room's pass,
which makes it ACTIVE again, or makes another one where it is gone. One that lives stays as it is.
"""

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import Unknown, WrongState
from orchestrator.services.breakout import keeping_recorded
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.meeting_lost import forget_records
from orchestrator.services.breakout.retiring import want_anew
from orchestrator.services.breakout.seating import seat_again
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import recordings_of
from schemas.problems import ProblemCode
from schemas.states import RUNNING, BreakoutState, RecordingState, RoomState, RoomWanted
from schemas.tables import Breakout, Room

RETRIED = (RoomState.FAILED, RoomState.OPEN)
"""States of a room that may be retried."""


def retry_room(deps: Deps, breakout_id: str, room_id: str) -> None:
    """Open a failed room of a running breakout after all, or check the meeting of an open one.

    Raises Unknown, WrongState.

    People who were given another room stay there. People without a room are seated in this one again.
    """
    with locked(deps, breakout_id) as b:
        room = _retried_room(b, room_id)
        b.lock_rooms([room.id])
        if room.state is RoomState.OPEN:
            room.to_check = True
            b.count_change("rooms")
            due.want(b.tx, Room, [room.id])
            return
        _begin_anew(room, b.row)
        b.move_rooms([room], RoomState.PREPARING)
        forget_records(b, room, in_doubt=True)  # the room may get another meeting
        seats = b.seats_of_rooms([room.id])[room.id]
        seat_again(b, room, seats)
        waiting = [one for one in recordings_of(b.tx.session, [room.id]) if one.state is RecordingState.REQUESTED]
        if not waiting:
            keeping_recorded.want(b, [room])
        b.count_change("rooms")
        b.people.raise_versions(seat.participant_id for seat in seats)
        due.want(b.tx, Room, [room.id])


def _retried_room(b: LockedBreakout, room_id: str) -> Room:
    statement = select(Room).where(col(Room.id) == room_id, col(Room.breakout_id) == b.row.id)
    room = b.tx.session.scalar(statement, execution_options={"populate_existing": True})
    if room is None:
        raise Unknown(f"this breakout has no room {room_id}", ProblemCode.UNKNOWN_ROOM)
    if b.row.state not in RUNNING:
        words = f"no room of a breakout that is {b.row.state} can be retried"
        raise WrongState(words, b.row.state.value, [state.value for state in BreakoutState if state in RUNNING])
    if room.state not in RETRIED or (room.wanted is RoomWanted.CLOSED and room.state is RoomState.OPEN):
        allowed = [state.value for state in RETRIED]
        raise WrongState(f"a room that is {room.state} can't be retried", room.state.value, allowed)
    return room


def _begin_anew(room: Room, breakout: Breakout) -> None:
    """Forget the child meeting, so that it is looked for. One that lives is adopted, a retired one is not found.

    The doubt counts as old as the breakout, because its age only says whether a search has settled. A round's room has
    its meeting checked instead, because a search does not find one that was made for an earlier round.
    """
    want_anew(room, RoomWanted.OPEN)
    room.error = room.retired_at = None
    if breakout.series_id is not None and room.realtimekit_meeting_id is not None:
        room.kept, room.to_check = False, True
        return
    room.realtimekit_meeting_id = room.name_at_realtimekit = None
    room.in_doubt_since = room.in_doubt_since or breakout.created_at
    room.first_in_doubt_at = breakout.created_at
