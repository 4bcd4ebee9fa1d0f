"""What operators may do with the rooms of a running breakout. A new action is one function here."""

from random import Random
from typing import TYPE_CHECKING, Any

from orchestrator.services.breakout import changes, rebalancing, room_changes
from orchestrator.services.planning import rooms
from schemas.requests import BreakoutChange, NewRoomRequest, RoomChange
from tests.simulation.doing import Doing

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

ROOMS = Doing()
action = ROOMS.action
IS_CLOSING = "SELECT 1 FROM breakout WHERE id = ? AND state = 'closing'"
SOON_SECONDS, TRIES = 0.4, 60
"""How often, and how many times, it is looked whether a countdown has begun that is to be called off."""


@action(4)
def change_clock_of_room(run: "Simulation", luck: Random) -> None:
    """Give a room an end of its own, move it, stop its time, let it go on, or take it away."""
    at = run.time(luck.choice((1.0, 3.0, 8.0, 20.0)))
    ways: tuple[dict[str, Any], ...] = (
        *[{"closes_at": at}] * 4,
        {"extend_seconds": 5},
        {"extend_seconds": -4},
        {"paused": True},
        {"paused": False},
        {"closes_at": None},
    )
    body = RoomChange.model_validate(luck.choice(ways))
    _change(run, luck, body)


@action(2)
def close_room_and_wait(run: "Simulation", luck: Random) -> None:
    """Give a room an end of its own, and stop or extend its time a moment later."""
    at, seconds = run.time(4.0), luck.choice((0.1, 2.0, 3.9, 4.05))
    later = RoomChange.model_validate(luck.choice(({"paused": True}, {"extend_seconds": 3}, {"closes_at": None})))
    found, breakout_id = run.rooms(run.breakout_id), run.breakout_id
    if not found:
        return
    room_id, now = luck.choice(found).id, RoomChange.model_validate({"closes_at": at})

    def change(body: RoomChange) -> None:
        run.request(lambda deps: room_changes.change_room(deps, breakout_id, room_id, body))

    change(now)
    run.hub.loop.call_later(seconds, change, later)


@action(2)
def add_room_live(run: "Simulation", luck: Random) -> None:
    """Add a room to the breakout that runs, perhaps under a name that another has, or for few people."""
    body = NewRoomRequest(name=f"Extra {luck.randrange(3)}", max_participants=luck.choice((None, 1, 3)))
    breakout_id = run.breakout_id
    run.request(lambda deps: rooms.add_room(deps, breakout_id, body))


@action(3)
def delete_room_live(run: "Simulation", luck: Random) -> None:
    """Delete a room, with people in it or on their way."""
    found, breakout_id = run.rooms(run.breakout_id), run.breakout_id
    if found:
        room_id = luck.choice(found).id
        run.request(lambda deps: rooms.delete_room(deps, breakout_id, room_id))


@action(2)
def rebalance(run: "Simulation", luck: Random) -> None:
    """Dissolve small rooms into the others."""
    size, breakout_id = luck.choice((2, 2, 3)), run.breakout_id
    run.request(lambda deps: rebalancing.dissolve_small_rooms(deps, breakout_id, size))


@action(3)
def call_countdown_off(run: "Simulation", luck: Random) -> None:
    """Call the next countdown off, sooner or later while it runs, or just too late."""
    wait, seconds = luck.choice((0.0, 0.5, 0.95, 3.0)), luck.choice((None, 2.0, 10.0))
    _call_off_once_it_closes(run, run.breakout_id, wait, seconds, TRIES)


def _call_off_once_it_closes(
    run: "Simulation", breakout_id: str, wait: float, seconds: float | None, tries: int
) -> None:
    if run.kept.ask(IS_CLOSING, breakout_id) is not None:
        run.hub.loop.call_later(wait, _call_off, run, breakout_id, seconds)
    elif tries:
        run.hub.loop.call_later(SOON_SECONDS, _call_off_once_it_closes, run, breakout_id, wait, seconds, tries - 1)


def _call_off(run: "Simulation", breakout_id: str, seconds: float | None) -> None:
    if run.kept.ask(IS_CLOSING, breakout_id) is None:
        return
    body = BreakoutChange.model_validate({"closes_at": None if seconds is None else run.time(seconds)})
    run.request(lambda deps: changes.change(deps, breakout_id, body))


def _change(run: "Simulation", luck: Random, body: RoomChange) -> None:
    found, breakout_id = run.rooms(run.breakout_id), run.breakout_id
    if found:
        room_id = luck.choice(found).id
        run.request(lambda deps: room_changes.change_room(deps, breakout_id, room_id, body))
