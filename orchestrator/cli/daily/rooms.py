"""Rooms of a plan or a breakout."""

from collections.abc import Mapping
from typing import Annotated

import typer

from orchestrator.cli.daily.changes import room_of
from orchestrator.cli.daily.client import Api, breakout_path, create_once
from orchestrator.cli.daily.options import AsJson, BreakoutId, Command, RoomName
from orchestrator.cli.daily.output import answer
from schemas.states import RecordingAction

Places = Annotated[int | None, typer.Option("--places", help="How many people it takes.")]


def add(
    api: Api,
    breakout_id: BreakoutId,
    name: Annotated[str, typer.Argument(show_default=False)],
    *,
    places: Places = None,
    json: AsJson = False,
) -> None:
    """Add a room."""
    body = create_once(api, breakout_path(breakout_id, "rooms"), {"name": name, "max_participants": places})
    answer(body, f"{name} is added", json=json)


def rename(
    api: Api,
    breakout_id: BreakoutId,
    room: RoomName,
    name: Annotated[str, typer.Argument(show_default=False)],
    *,
    json: AsJson = False,
) -> None:
    """Give a room another name, also while people are in it."""
    found = room_of(api, breakout_id, room)
    body = api.call("PATCH", breakout_path(breakout_id, "rooms", found.id), {"name": name})
    answer(body, f"{found.name} is called {name}", json=json)


def limit(
    api: Api,
    breakout_id: BreakoutId,
    room: RoomName,
    places: Annotated[str, typer.Argument(metavar="PEOPLE", help="all: as many as come.", show_default=False)],
    *,
    json: AsJson = False,
) -> None:
    """Limit how many people a room takes, also while it is open."""
    found = room_of(api, breakout_id, room)
    most = None if places == "all" else _whole(places)
    body = api.call("PATCH", breakout_path(breakout_id, "rooms", found.id), {"max_participants": most})
    answer(body, f"{found.name} takes {'as many as come' if most is None else f'at most {most}'}", json=json)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise typer.BadParameter(f"{text!r} is no number of people: say 5, or all")
    return int(text)


def delete(api: Api, breakout_id: BreakoutId, room: RoomName) -> None:
    """Delete a room; its people have none then. While the breakout runs they return to main."""
    found = room_of(api, breakout_id, room)
    api.call("DELETE", breakout_path(breakout_id, "rooms", found.id))
    answer({}, f"{found.name} is deleted", json=False)


def retry(api: Api, breakout_id: BreakoutId, room: RoomName, *, json: AsJson = False) -> None:
    """Try a failed room once more, or mend an open one; its people who sit elsewhere by now stay there."""
    found = room_of(api, breakout_id, room)
    body = create_once(api, breakout_path(breakout_id, "rooms", found.id, "retry"))
    answer(body, f"{found.name} is tried again", json=json)


def record(
    api: Api,
    breakout_id: BreakoutId,
    room: RoomName,
    action: Annotated[RecordingAction, typer.Argument(show_default=False)],
    *,
    json: AsJson = False,
) -> None:
    """Start, stop, pause or resume the recording of a room; a stop holds until the start."""
    found = room_of(api, breakout_id, room)
    body = create_once(api, breakout_path(breakout_id, "rooms", found.id, "recording"), {"action": action})
    answer(body, f"{found.name}: {action} of the recording is under way", json=json)


COMMANDS: Mapping[str, Command] = {
    "add": add,
    "rename": rename,
    "limit": limit,
    "delete": delete,
    "retry": retry,
    "record": record,
}
