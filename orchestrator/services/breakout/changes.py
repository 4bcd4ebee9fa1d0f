"""Operators' changes of a planned or running breakout: its timer, its name, its rooms' names."""

from datetime import datetime, timedelta
from typing import Any

from orchestrator.errors import Malformed, Unknown, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.clock import set_end
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import room_sizes
from schemas.problems import ProblemCode
from schemas.requests import BreakoutChange, RoomChange
from schemas.states import PLANNED, TAKES_PEOPLE, BreakoutState, RoomState, RoomWanted
from schemas.tables import Breakout, Room

SHORTEST_PAUSED_SECONDS = 0.001
"""The least that a paused timer keeps: one that was due already must still be positive when it goes on."""


def change(deps: Deps, breakout_id: str, body: BreakoutChange) -> None:
    """Change the name, or the clock of an open breakout. Raises Unknown, WrongState, Malformed for a time past."""
    with locked(deps, breakout_id) as b:
        before = _shown(b.row)
        if body.name is not None:
            b.row.name = body.name
        else:
            _require_open(b.row)
            _change_clock(b.row, body, b.now)
        if changed := [name for name, value in _shown(b.row).items() if before[name] != value]:
            b.change_by_operator(changed)


def _shown(breakout: Breakout) -> dict[str, Any]:
    """Return the fields of B that such a change may change."""
    left = breakout.paused_with_seconds
    return {
        "closes_at": breakout.closes_at,
        "name": breakout.name,
        "paused": left is not None,
        "remaining_seconds": left,
    }


def change_room(deps: Deps, breakout_id: str, room_id: str, body: RoomChange) -> None:
    """Give a room another name, here and at RealtimeKit, or, before the start, another limit.

    Raises Unknown, WrongState, Malformed for a name in use or a limit below the people who are there.
    """
    with locked(deps, breakout_id) as b:
        room = room_of(b, room_id)
        before = room.name, room.max_participants
        if body.name is not None and body.name != room.name:
            _require_renamable(b, room, body.name)
            room.name = body.name
            if room.wanted in (RoomWanted.READY, RoomWanted.OPEN):
                due.want(b.tx, Room, [room.id])
        if "max_participants" in body.model_fields_set:
            _limit(b, room, body.max_participants)
        if (room.name, room.max_participants) != before:
            b.change_by_operator(["rooms"])


def room_of(b: LockedBreakout, room_id: str) -> Room:
    """Return a room of the breakout. Raises Unknown."""
    room = b.tx.session.get(Room, room_id)
    if room is None or room.breakout_id != b.row.id or room.dropped:
        raise Unknown(f"this breakout has no room {room_id}", ProblemCode.UNKNOWN_ROOM)
    return room


def require_planned(b: LockedBreakout, what: str) -> None:
    """Raise WrongState for a breakout that has started."""
    if b.row.state not in PLANNED:
        raise WrongState(
            f"a breakout that is {b.row.state} can't {what}",
            b.row.state.value,
            sorted(state.value for state in PLANNED),
        )


def _limit(b: LockedBreakout, room: Room, limit: int | None) -> None:
    require_planned(b, "change its rooms' limits")
    people = room_sizes(b.tx.session, b.row.id).get(room.id, 0)
    if limit is not None and people > limit:
        raise Malformed(f"{room.name} has {people} people", ("body", "max_participants"), ProblemCode.IMPOSSIBLE_PLAN)
    room.max_participants = limit


def _change_clock(breakout: Breakout, body: BreakoutChange, now: datetime) -> None:
    if body.paused is not None:
        _pause(breakout, now) if body.paused else _resume(breakout, now)
        return
    breakout.warned_until = now
    left = _left_by(breakout, body, now)
    if left <= timedelta(0):
        words = "the breakout would have to close before now; use close"
        raise Malformed(words, ("body", *body.model_fields_set), ProblemCode.TIME_PAST)
    if breakout.paused_with_seconds is not None:
        breakout.paused_with_seconds = left.total_seconds()
    else:
        set_end(breakout, now + left)


def _left_by(breakout: Breakout, body: BreakoutChange, now: datetime) -> timedelta:
    """Return what is to be left of the timer after the change."""
    if body.closes_at is not None:
        return body.closes_at - now
    return _left(breakout, now, "extended") + timedelta(seconds=body.extend_seconds or 0)


def _left(breakout: Breakout, now: datetime, verb: str) -> timedelta:
    """Return what is left of the timer. Raises WrongState when there is none."""
    if breakout.paused_with_seconds is not None:
        return timedelta(seconds=breakout.paused_with_seconds)
    if breakout.closes_at is None:
        words = f"this breakout has no timer that could be {verb}"
        raise WrongState(words, breakout.state.value, ["open"])
    return breakout.closes_at - now


def _pause(breakout: Breakout, now: datetime) -> None:
    """Stop the timer, and keep what is left of it."""
    breakout.paused_with_seconds = max(_left(breakout, now, "paused").total_seconds(), SHORTEST_PAUSED_SECONDS)
    breakout.own_end = breakout.closes_at = None


def _resume(breakout: Breakout, now: datetime) -> None:
    if breakout.paused_with_seconds is not None:
        set_end(breakout, now + timedelta(seconds=breakout.paused_with_seconds))
        breakout.paused_with_seconds = None
        breakout.warned_until = now


def _require_open(breakout: Breakout) -> None:
    if breakout.state is not BreakoutState.OPEN:
        words = f"the timer of a breakout that is {breakout.state} can't be changed"
        raise WrongState(words, breakout.state.value, [BreakoutState.OPEN.value])


def _require_renamable(b: LockedBreakout, room: Room, name: str) -> None:
    if room.state not in TAKES_PEOPLE:
        allowed = [state.value for state in RoomState if state in TAKES_PEOPLE]
        raise WrongState(f"a room that is {room.state} can't be renamed", room.state.value, allowed)
    if any(other.name == name for other in b.rooms()):
        raise Malformed(f"another room of this breakout is called {name}", ("body", "name"), ProblemCode.NAME_TAKEN)
