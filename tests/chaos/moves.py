"""The tale of people who are moved to another room and back again while their rooms are open."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.chaos.lane import QUICK, Lane
from tests.chaos.story import ABSENT, NAMES, QUIET, STUBBORN, Mischief, Outcome, play
from tests.support.stack import JSON

GOES = next(name for name in NAMES if name not in (*QUIET, *STUBBORN, *ABSENT))
"""A person who has arrived in the other room before they are moved back."""
TURNS = QUIET[0]
"""A person who is moved back at once, and whose browser never says where it is."""
BEYOND_SECONDS = 1.0
"""How long after the deadline of the first move everything is watched."""


def there_and_back(lane: Lane, run: str, *, point: str, seed: int, switches: Mapping[str, Any]) -> Outcome:
    """Play one breakout in which two people are moved there and back, with a crash at `point`."""
    mischief = Mischief(before_closing=_move_there_and_back)
    return play(lane, run, point=point, seed=seed, mischief=mischief, switches=switches)


def _move_there_and_back(lane: Lane) -> None:
    """Move both, and wait until the deadline by which they had to leave their rooms has passed.

    1. Move both to another room.
    2. Move one of them back at once, the other one when they have arrived.
    3. Wait until both are back, and for the time that people have to leave a room.
    """
    home = {name: _room_of(lane, name)["id"] for name in (GOES, TURNS)}
    away = {name: _another_room(lane, room_id) for name, room_id in home.items()}
    for name in home:
        _move(lane, name, away[name])
    _move(lane, TURNS, home[TURNS])
    lane.wait(lambda: _is_in(lane, GOES, away[GOES]), f"{GOES} in the other room")
    _move(lane, GOES, home[GOES])
    _wait_for(lane, home)
    lane.rest(float(QUICK["RETURN_GRACE_SECONDS"]) + BEYOND_SECONDS)
    _wait_for(lane, home)


def _wait_for(lane: Lane, rooms: Mapping[str, str]) -> None:
    for name, room_id in rooms.items():
        lane.wait(partial(_is_in, lane, name, room_id), f"{name} in room {room_id}")


def _move(lane: Lane, name: str, room_id: str) -> None:
    lane.ask("PUT", f"{lane.path}/participants/{name}/room", {"room_id": room_id})


def _is_in(lane: Lane, name: str, room_id: str) -> bool:
    """Whether a person belongs in a room, is there, and is known to be there."""
    room = _room_of(lane, name)
    states = {it["custom_participant_id"]: it["state"] for it in room["participants"]}
    place = lane.stack.crowds.where()[name]
    return (room["id"], states[name], place) == (room_id, "joined", room["realtimekit_meeting_id"])


def _room_of(lane: Lane, name: str) -> JSON:
    rooms: list[JSON] = lane.ask("GET", lane.path)["rooms"]
    return next(room for room in rooms if name in {it["custom_participant_id"] for it in room["participants"]})


def _another_room(lane: Lane, room_id: str) -> str:
    rooms: list[JSON] = lane.ask("GET", lane.path)["rooms"]
    return str(next(room["id"] for room in rooms if room["id"] != room_id))
