"""Every change of state goes through here: checked against the table of moves, and written to the breakout's log.

The breakout must have been locked by the transaction: the log's numbers are raised under that lock.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from orchestrator.domain.lifecycle import check_move
from orchestrator.store.database import Transaction
from orchestrator.store.queries import custom_ids
from schemas.states import BreakoutState, RecordingState, RoomState, SeatState
from schemas.tables import Breakout, Recording, Room, Seat


def move_breakout(tx: Transaction, breakout: Breakout, to: BreakoutState, at: datetime) -> None:
    """Move the breakout itself."""
    check_move(breakout.state, to)
    tx.emit(breakout, "breakout.state", at, **{"from": breakout.state, "to": to})
    breakout.state = to


def move_rooms(tx: Transaction, breakout: Breakout, rooms: Iterable[Room], to: RoomState, at: datetime) -> None:
    """Move rooms of the breakout."""
    for room in rooms:
        check_move(room.state, to)
        tx.emit(breakout, "room.state", at, room_id=room.id, **{"from": room.state, "to": to})
        room.state = to


def move_seats(
    tx: Transaction, breakout: Breakout, moves: Mapping[SeatState, Iterable[Seat]], at: datetime
) -> list[Seat]:
    """Move seats of the breakout, each to the state it stands under; gives back those that moved."""
    pairs = [(seat, to) for to, seats in moves.items() for seat in seats]
    names = custom_ids(tx, {seat.participant_id for seat, _ in pairs})
    for seat, to in pairs:
        check_move(seat.state, to)
        name = names[seat.participant_id]
        data = {"custom_participant_id": name, "room_id": seat.room_id, "from": seat.state, "to": to}
        tx.emit(breakout, "participant.state", at, **data)
        seat.state = to
    return [seat for seat, _ in pairs]


def move_recording(tx: Transaction, breakout: Breakout, recording: Recording, to: RecordingState, at: datetime) -> None:
    """Move a recording of the breakout."""
    check_move(recording.state, to)
    data = {"recording_id": recording.id, "room_id": recording.room_id, "from": recording.state, "to": to}
    tx.emit(breakout, "recording.state", at, **data)
    recording.state = to


def report_problem(
    tx: Transaction,
    breakout: Breakout,
    at: datetime,
    *,
    what: str,
    detail: str,
    room_id: str | None = None,
    custom_participant_id: str | None = None,
) -> None:
    """Write down what an operator should know; it stays in the breakout's `problems`."""
    data = {"what": what, "detail": detail, "room_id": room_id, "custom_participant_id": custom_participant_id}
    tx.emit(breakout, "problem", at, **data)
