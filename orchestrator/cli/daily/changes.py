"""Changes to a running breakout."""

from datetime import timedelta

from orchestrator.cli.daily.client import JSON, Api, Unanswered, as_breakout, breakout_path
from orchestrator.errors import Unusable
from schemas.responses import BreakoutResponse, RoomResponse

MAIN = "main"
MAX_ATTEMPTS = 5
MAX_NAMES_SHOWN = 20


def extend(api: Api, breakout_id: str, seconds: int, room: str | None = None) -> JSON:
    """Move the end of the timer, or of a room, once.

    After a missing answer it is checked whether it has moved before it is tried again.
    """
    path = clock_path(api, breakout_id, room)
    for _ in range(MAX_ATTEMPTS):
        before = as_breakout(api.get(breakout_path(breakout_id)))
        try:
            return api.call("PATCH", path, {"extend_seconds": seconds}, once=True)
        except Unanswered as error:
            unanswered = error
        after = api.get(breakout_path(breakout_id))
        if _moved(_clock(before, room), _clock(as_breakout(after), room)) == timedelta(seconds=seconds):
            return after
        if as_breakout(after).version != before.version:
            break
    raise unanswered


def clock_path(api: Api, breakout_id: str, room: str | None) -> str:
    """Return the path of a breakout, or of a room that has a clock of its own."""
    if room is None:
        return breakout_path(breakout_id)
    return breakout_path(breakout_id, "rooms", room_of(api, breakout_id, room).id)


def _clock(breakout: BreakoutResponse, room: str | None) -> BreakoutResponse | RoomResponse:
    return breakout if room is None else _room(breakout, room)


def _moved(before: BreakoutResponse | RoomResponse, after: BreakoutResponse | RoomResponse) -> timedelta | None:
    if before.remaining_seconds is not None and after.remaining_seconds is not None:
        return timedelta(seconds=after.remaining_seconds - before.remaining_seconds)
    if before.closes_at is not None and after.closes_at is not None:
        return after.closes_at - before.closes_at
    return None


def move(api: Api, breakout_id: str, person: str, room: str) -> tuple[JSON, str]:
    """Move a person to a room or to main. Returns the answer and the name of the destination."""
    found = None if room == MAIN else room_of(api, breakout_id, room)
    path = breakout_path(breakout_id, "participants", person, "room")
    return api.call("PUT", path, {"room_id": found and found.id}), found.name if found else MAIN


def room_of(api: Api, breakout_id: str, room: str) -> RoomResponse:
    """Find a room of a breakout by its id, name or index. Raises Unusable if there is none."""
    return _room(as_breakout(api.get(breakout_path(breakout_id))), room)


def _room(breakout: BreakoutResponse, wanted: str) -> RoomResponse:
    """Find a room by its id, name or index. Raises Unusable if there is none."""
    for key in (lambda room: room.id, lambda room: room.name, lambda room: str(room.index)):
        for room in breakout.rooms:
            if key(room) == wanted:
                return room
    names = ", ".join(f"{room.index} {room.name}" for room in breakout.rooms[:MAX_NAMES_SHOWN])
    raise Unusable(f"{breakout.name} has no room {wanted!r}; it has {names}, and {MAIN} is the main meeting")
