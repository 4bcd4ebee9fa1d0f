"""Operators' changes of one room: its name, its limit, its own clock; and a room that is deleted while it is live."""

from datetime import datetime, timedelta
from typing import Any

from orchestrator.domain.timing import earliest
from orchestrator.errors import Malformed, Unknown, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.changes import SHORTEST_PAUSED_SECONDS
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.retiring import want_closed
from orchestrator.services.breakout.room_ends import begin_closing, send_home
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import room_sizes
from orchestrator.store.versions import PLACES
from schemas.problems import ProblemCode
from schemas.requests import CLOCK, RoomChange
from schemas.states import TAKES_PEOPLE, BreakoutState, CloseReason, RoomState, RoomWanted
from schemas.tables import Room

DELETABLE = TAKES_PEOPLE | {RoomState.FAILED, RoomState.CLOSING}
"""States of a live room that may be deleted; a closing one as long as its countdown runs."""

NEVER_OPEN = frozenset({RoomState.PLANNED, RoomState.FAILED})
"""States of a room in which nobody can be."""


def change_room(deps: Deps, breakout_id: str, room_id: str, body: RoomChange) -> None:
    """Give a room another name, here and at RealtimeKit, another limit, or another end of its own.

    Raises Unknown, WrongState, Malformed for a name in use, a limit below the people who are there, or a time past.
    """
    with locked(deps, breakout_id) as b:
        room = room_of(b, room_id)
        before = _shown(room)
        _require_states(b, room, body)
        if body.name is not None and body.name != room.name:
            _rename(b, room, body.name)
        if "max_participants" in body.model_fields_set:
            _limit(b, room, body.max_participants)
        if body.model_fields_set & CLOCK:
            _change_clock(b, room, body)
        if _shown(room) != before:
            b.change_by_operator(["rooms"])


def delete_live(b: LockedBreakout, room: Room) -> None:
    """Delete a room of a running breakout: its people return to main at once. Again: nothing. Raises WrongState."""
    if room.deleted:
        return
    if room.state not in DELETABLE or (room.state is RoomState.CLOSING and room.sent_home_at is not None):
        raise WrongState(f"a room that is {room.state} can't be deleted", room.state.value, _words(DELETABLE))
    b.lock_rooms()
    room.deleted = True
    room.own_end = None
    if room.state in NEVER_OPEN:
        b.move_rooms([room], RoomState.CLOSED)
        want_closed(b, [room.id])
    begin_closing(b, room, CloseReason.API, timedelta(0))
    send_home(b, [room])
    b.change_by_operator(PLACES)


def room_of(b: LockedBreakout, room_id: str) -> Room:
    """Return a room of the breakout. Raises Unknown."""
    room = b.tx.session.get(Room, room_id)
    if room is None or room.breakout_id != b.row.id or room.dropped:
        raise Unknown(f"this breakout has no room {room_id}", ProblemCode.UNKNOWN_ROOM)
    return room


def _shown(room: Room) -> tuple[Any, ...]:
    """Return what such a change may change."""
    return room.name, room.max_participants, room.own_end, room.paused_with_seconds


def _require_states(b: LockedBreakout, room: Room, body: RoomChange) -> None:
    """Raise WrongState unless everything in the body can be changed now."""
    clock = body.model_fields_set & CLOCK
    if clock and b.row.state is not BreakoutState.OPEN:
        words = f"no room of a breakout that is {b.row.state} has a clock that could be changed"
        raise WrongState(words, b.row.state.value, [BreakoutState.OPEN.value])
    is_same = body.model_fields_set == {"name"} and body.name == room.name
    if room.state not in TAKES_PEOPLE and not is_same:
        raise WrongState(f"a room that is {room.state} can't be changed", room.state.value, _words(TAKES_PEOPLE))
    has_none = room.own_end is None and room.paused_with_seconds is None
    if has_none and clock and "closes_at" not in clock:
        words = f"{room.name} has no end of its own: give it one with closes_at"
        raise WrongState(words, room.state.value, [RoomState.OPEN.value])


def _words(states: frozenset[RoomState]) -> list[str]:
    return [state.value for state in RoomState if state in states]


def _rename(b: LockedBreakout, room: Room, name: str) -> None:
    if any(other.name == name for other in b.rooms()):
        raise Malformed(f"another room of this breakout is called {name}", ("body", "name"), ProblemCode.NAME_TAKEN)
    room.name = name
    if room.wanted in (RoomWanted.READY, RoomWanted.OPEN):
        due.want(b.tx, Room, [room.id])


def _limit(b: LockedBreakout, room: Room, limit: int | None) -> None:
    people = room_sizes(b.tx.session, b.row.id).get(room.id, 0)
    if limit is not None and people > limit:
        raise Malformed(f"{room.name} has {people} people", ("body", "max_participants"), ProblemCode.IMPOSSIBLE_PLAN)
    room.max_participants = limit


def _change_clock(b: LockedBreakout, room: Room, body: RoomChange) -> None:
    """Change the room's own clock. An end that is later than the breakout's has no effect while that stands.

    Each change arms its warnings anew.
    """
    if body.paused is not None:
        _pause(b, room) if body.paused else _resume(room, b.now)
    elif body.closes_at is None and body.extend_seconds is None:
        room.own_end = room.paused_with_seconds = None
    else:
        _set_left(b, room, body)
    room.warned_until = b.row.rooms_look_at = b.now


def _set_left(b: LockedBreakout, room: Room, body: RoomChange) -> None:
    if body.closes_at is not None:
        left = body.closes_at - b.now
    else:
        left = _left(b, room) + timedelta(seconds=body.extend_seconds or 0)
    if left <= timedelta(0):
        words = f"{room.name} would have to close before now; delete it instead"
        raise Malformed(words, ("body", *(body.model_fields_set & CLOCK)), ProblemCode.TIME_PAST)
    if room.paused_with_seconds is not None:
        room.paused_with_seconds = left.total_seconds()
    else:
        room.own_end = b.now + left


def _left(b: LockedBreakout, room: Room) -> timedelta:
    """Return what is left of the room's own time, at most until the breakout closes."""
    if room.paused_with_seconds is not None:
        return timedelta(seconds=room.paused_with_seconds)
    return (earliest(room.own_end, b.row.closes_at) or b.now) - b.now


def _pause(b: LockedBreakout, room: Room) -> None:
    room.paused_with_seconds = max(_left(b, room).total_seconds(), SHORTEST_PAUSED_SECONDS)
    room.own_end = None


def _resume(room: Room, now: datetime) -> None:
    if room.paused_with_seconds is not None:
        room.own_end = now + timedelta(seconds=room.paused_with_seconds)
        room.paused_with_seconds = None
