"""Trying a failed room once more, because an operator says so: it starts again where its life began."""

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import Unknown, WrongState
from orchestrator.services.breakout import recordings, steps
from orchestrator.services.breakout.moves import move_rooms
from orchestrator.services.breakout.seating import seat_again
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_breakout, raise_versions, recordings_of, seats_of_rooms
from schemas.states import BreakoutState, RecordingState, RoomState, RoomWanted
from schemas.tables import Breakout, Room

RUNNING = (BreakoutState.OPENING, BreakoutState.OPEN)


def retry_room(deps: Deps, breakout_id: str, room_id: str) -> None:
    """Open a failed room of a running breakout after all. Raises Unknown, WrongState.

    Who was given another room stays there; who has none is seated in this one again.
    """
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        room = _failed_room(tx, breakout, room_id)
        now = tx.now()
        _begin_anew(room, breakout)
        move_rooms(tx, breakout, [room], RoomState.PREPARING, now)
        seats = seats_of_rooms(tx, [room.id])[room.id]
        seat_again(tx, breakout, room, seats, now)
        waiting = [one for one in recordings_of(tx.session, [room.id]) if one.state is RecordingState.REQUESTED]
        if not waiting:
            recordings.request(tx, breakout, [room], now)
        breakout.version += 1
        raise_versions(tx, breakout.meeting_id, [seat.participant_id for seat in seats])
        due.want(tx, Room, [room.id])
        steps.look(deps, tx, breakout)


def _failed_room(tx: Transaction, breakout: Breakout, room_id: str) -> Room:
    statement = select(Room).where(col(Room.id) == room_id, col(Room.breakout_id) == breakout.id)
    room = tx.session.scalar(statement, execution_options={"populate_existing": True})
    if room is None:
        raise Unknown(f"this breakout has no room {room_id}")
    if breakout.state not in RUNNING:
        words = f"no room of a breakout that is {breakout.state} can be retried"
        raise WrongState(words, breakout.state.value, [state.value for state in RUNNING])
    if room.state is not RoomState.FAILED:
        raise WrongState(f"a room that is {room.state} can't be retried", room.state.value, [RoomState.FAILED.value])
    return room


def _begin_anew(room: Room, breakout: Breakout) -> None:
    """Forget the child meeting, so that it is looked for: one that lives is adopted, one that was retired is not found.

    The doubt counts as old as the breakout, for its age only says whether a search has settled.
    """
    room.wanted, room.error, room.tries, room.failures = RoomWanted.OPEN, None, 0, 0
    room.realtimekit_meeting_id = room.name_at_realtimekit = room.retired_at = None
    room.in_doubt_since = room.in_doubt_since or breakout.created_at
    room.ever_in_doubt = True
