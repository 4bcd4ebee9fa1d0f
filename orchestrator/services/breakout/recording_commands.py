"""What an operator wants of the recording of one room: its pass then makes the calls.

A stop holds until a start, whoever comes meanwhile. A start makes the room recorded while people are there.
"""

from collections.abc import Callable, Mapping

from orchestrator.errors import WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.keeping_recorded import is_recorded, tell_people
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.recordings import skip
from orchestrator.services.breakout.room_changes import room_of
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import recordings_of
from schemas.events import EventType
from schemas.states import LIVE, RUNNING, TAKES_PEOPLE, RecordingAction, RecordingState, RoomState, RoomWanted
from schemas.tables import Recording, Room
from schemas.tasks import Task

NONE, PAUSED, HELD = "none", "paused", "stopping"
"""How a refusal names a room without a recording, one that is paused, and one that is being stopped."""
RUNS = frozenset({RecordingState.REQUESTED, RecordingState.RECORDING})


def command(deps: Deps, breakout_id: str, room_id: str, action: RecordingAction) -> None:
    """Start, stop, pause or resume the recording of an open room. Raises Unknown, and WrongState when it can't be."""
    with locked(deps, breakout_id) as b:
        b.lock_rooms([room_id])
        room = room_of(b, room_id)
        _require_open(b, room)
        found = recordings_of(b.tx.session, [room.id])
        COMMANDS[action](b, room, found[-1] if found else None)
        b.count_change("rooms")
        b.log(EventType.BREAKOUT_CHANGED, {"fields": ["rooms"]})
        due.want(b.tx, Room, [room.id], Task.ROOM_RECORD)


def _start(b: LockedBreakout, room: Room, latest: Recording | None) -> None:
    """Record the room. One that was to be stopped and was not yet goes on, as does that of a host."""
    runs = latest is not None and latest.state in RUNS
    if runs and is_recorded(b, room):
        raise _refusal(b, room, latest, RecordingAction.START)
    room.record, room.recorded_otherwise = True, None
    if latest is not None and runs:
        latest.by_host = False
    else:
        b.tx.session.add(Recording(breakout_id=b.row.id, room_id=room.id, created_at=b.now))
    tell_people(b, [room.id])


def _stop(b: LockedBreakout, room: Room, latest: Recording | None) -> None:
    """Stop recording the room. A recording that has certainly not begun is skipped at once."""
    if not is_recorded(b, room) and not _is_hosts(latest):
        raise _refusal(b, room, latest, RecordingAction.STOP)
    room.record, room.recorded_otherwise = False, None
    if latest is not None:
        latest.by_host, latest.pause_wanted = False, None
        if latest.state is RecordingState.REQUESTED and not latest.in_doubt:
            skip(b, latest)
    tell_people(b, [room.id])


def _pause(b: LockedBreakout, room: Room, latest: Recording | None) -> None:
    _set_paused(b, room, latest, RecordingAction.PAUSE)


def _resume(b: LockedBreakout, room: Room, latest: Recording | None) -> None:
    _set_paused(b, room, latest, RecordingAction.RESUME)


def _set_paused(b: LockedBreakout, room: Room, latest: Recording | None, action: RecordingAction) -> None:
    paused = action is RecordingAction.PAUSE
    if latest is None or _shown(b, room, latest) != (RecordingState.RECORDING if paused else PAUSED):
        raise _refusal(b, room, latest, action)
    latest.pause_wanted = paused


COMMANDS: Mapping[RecordingAction, Callable[[LockedBreakout, Room, Recording | None], None]] = {
    RecordingAction.START: _start,
    RecordingAction.STOP: _stop,
    RecordingAction.PAUSE: _pause,
    RecordingAction.RESUME: _resume,
}
ALLOWED: Mapping[RecordingAction, tuple[str, ...]] = {
    RecordingAction.START: (NONE, HELD, *(state for state in RecordingState if state not in RUNS)),
    RecordingAction.STOP: (*RUNS, PAUSED),
    RecordingAction.PAUSE: (RecordingState.RECORDING,),
    RecordingAction.RESUME: (PAUSED,),
}
"""The states of a room's recording in which each is taken."""


def _shown(b: LockedBreakout, room: Room, latest: Recording | None) -> str:
    """Return in what state a room's recording is, as operators want it."""
    if latest is None:
        return NONE
    if latest.state in RUNS and not is_recorded(b, room) and not _is_hosts(latest):
        return HELD
    is_paused = latest.paused if latest.pause_wanted is None else latest.pause_wanted
    return PAUSED if latest.state is RecordingState.RECORDING and is_paused else latest.state


def _is_hosts(latest: Recording | None) -> bool:
    """Return whether a host records a room that is not to be recorded."""
    return latest is not None and latest.by_host and latest.state in RUNS


def _refusal(b: LockedBreakout, room: Room, latest: Recording | None, action: RecordingAction) -> WrongState:
    state = _shown(b, room, latest)
    words = f"the recording of {room.name} can't {action} now: it is {state}" if latest else f"{room.name} has none"
    return WrongState(words, str(state), map(str, ALLOWED[action]))


def _require_open(b: LockedBreakout, room: Room) -> None:
    """Raise WrongState for a room that people are not in, and are not to come to."""
    if b.row.state not in LIVE or b.row.sent_home_at is not None:
        words = f"rooms of a breakout that is {b.row.state} can't be recorded"
        raise WrongState(words, b.row.state.value, (state.value for state in LIVE))
    states = TAKES_PEOPLE if b.row.state in RUNNING else {RoomState.OPEN}
    counts_down = room.state is RoomState.CLOSING and room.sent_home_at is None
    if room.wanted is not RoomWanted.OPEN or not (room.state in states or counts_down):
        raise WrongState(f"{room.name} is {room.state}", room.state.value, (state.value for state in states))
