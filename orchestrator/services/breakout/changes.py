"""What operators change of a breakout that is planned or runs: its clock, its name, its rooms' names."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import Malformed, Unknown, WrongState
from orchestrator.services.breakout import steps
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_breakout, raise_versions
from schemas.requests import BreakoutChange, RoomChange
from schemas.states import BreakoutState, RoomState, RoomWanted
from schemas.tables import Breakout, Room


def change(deps: Deps, breakout_id: str, body: BreakoutChange) -> None:
    """Change the one thing that `body` names. Raises Unknown, WrongState, Malformed for a time that is past."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        now = tx.now()
        before = breakout.name, breakout.closes_at, breakout.paused_with_seconds
        if body.name is not None:
            breakout.name = body.name
        else:
            _require_open(breakout)
            _change_clock(breakout, body, now)
        if (breakout.name, breakout.closes_at, breakout.paused_with_seconds) != before:
            _tell(deps, tx, breakout, sorted(body.model_fields_set), now)


def rename_room(deps: Deps, breakout_id: str, room_id: str, body: RoomChange) -> None:
    """Give a room another name, here and at RealtimeKit. Raises Unknown, WrongState, Malformed for a name in use."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        room = tx.session.get(Room, room_id)
        if room is None or room.breakout_id != breakout.id:
            raise Unknown(f"this breakout has no room {room_id}")
        if room.name == body.name:
            return
        _require_renamable(tx, breakout, room, body.name)
        room.name = body.name
        if room.wanted in (RoomWanted.READY, RoomWanted.OPEN):
            due.want(tx, Room, [room.id])
        _tell(deps, tx, breakout, ["rooms"], tx.now())


def _change_clock(breakout: Breakout, body: BreakoutChange, now: datetime) -> None:
    if body.paused is not None:
        _pause(breakout, now) if body.paused else _resume(breakout, now)
        return
    breakout.warned_until = now
    left = _left_by(breakout, body, now)
    if left <= timedelta(0):
        raise Malformed("the breakout would have to close before now; use close", ("body", *body.model_fields_set))
    if breakout.paused_with_seconds is not None:
        breakout.paused_with_seconds = left.total_seconds()
    else:
        breakout.closes_at = now + left


def _left_by(breakout: Breakout, body: BreakoutChange, now: datetime) -> timedelta:
    """What is to be left of the timer after the change."""
    if body.closes_at is not None:
        return body.closes_at - now
    return _left(breakout, now, "extended") + timedelta(seconds=body.extend_seconds or 0)


def _left(breakout: Breakout, now: datetime, verb: str) -> timedelta:
    if breakout.paused_with_seconds is not None:
        return timedelta(seconds=breakout.paused_with_seconds)
    if breakout.closes_at is None:
        words = f"this breakout has no timer that could be {verb}"
        raise WrongState(words, breakout.state.value, ["closes_at", "name"])
    return breakout.closes_at - now


def _pause(breakout: Breakout, now: datetime) -> None:
    """Stop the timer; what is left of it is kept, at least the moment that a close already due still needs."""
    breakout.paused_with_seconds = max(_left(breakout, now, "paused").total_seconds(), 0.001)
    breakout.closes_at = None


def _resume(breakout: Breakout, now: datetime) -> None:
    if breakout.paused_with_seconds is not None:
        breakout.closes_at = now + timedelta(seconds=breakout.paused_with_seconds)
        breakout.paused_with_seconds = None
        breakout.warned_until = now


def _require_open(breakout: Breakout) -> None:
    if breakout.state is not BreakoutState.OPEN:
        words = f"the timer of a breakout that is {breakout.state} can't be changed"
        raise WrongState(words, breakout.state.value, ["name"])


def _require_renamable(tx: Transaction, breakout: Breakout, room: Room, name: str) -> None:
    if room.state in (RoomState.CLOSING, RoomState.CLOSED, RoomState.FAILED):
        allowed = [RoomState.PLANNED.value, RoomState.PREPARING.value, RoomState.READY.value, RoomState.OPEN.value]
        raise WrongState(f"a room that is {room.state} can't be renamed", room.state.value, allowed)
    taken = select(col(Room.id)).where(col(Room.breakout_id) == breakout.id, col(Room.name) == name)
    if tx.session.scalar(taken) is not None:
        raise Malformed(f"another room of this breakout is called {name}", ("body", "name"))


def _tell(deps: Deps, tx: Transaction, breakout: Breakout, fields: list[str], now: datetime) -> None:
    breakout.version += 1
    tx.emit(breakout, "breakout.changed", now, fields=fields)
    raise_versions(tx, breakout.meeting_id)
    steps.look(deps, tx, breakout)
