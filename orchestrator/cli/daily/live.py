"""Breakouts that run, and what became of them."""

from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.daily import changes, durations
from orchestrator.cli.daily.client import JSON, Api, all_of, as_breakout, breakout_path, create_once
from orchestrator.cli.daily.options import AsJson, BreakoutId, Countdown, JsonLines, OneRoom, Uploads, Watch
from orchestrator.cli.daily.output import answer, of_room, rows, sentence
from orchestrator.cli.daily.watching import watch as follow
from orchestrator.cli.show import ending
from orchestrator.domain.wording import count

RECORDING_COLUMNS = ("room_name", "state", "started_at", "stopped_at", "file_name", "download_url", "expires_at")
SomeRooms = Annotated[list[str] | None, typer.Option("--room", metavar="ROOM", help="To this room; repeatable.")]
HELP_COLUMNS = ("id", "room_name", "custom_participant_id", "asked_at", "resolved_at")
COLUMNS = ("id", "name", "state", "starts_at", "closes_at")


def index(
    api: Api,
    *,
    meeting: Annotated[str | None, typer.Option(metavar="MEETING_ID", help="Those of this meeting alone.")] = None,
    state: Annotated[str | None, typer.Option(metavar="STATE,STATE,…", help="Those in one of these states.")] = None,
    json: AsJson = False,
) -> None:
    """List breakouts, the oldest first."""
    query = {name: value for name, value in {"meeting_id": meeting, "state": state}.items() if value is not None}
    rows(all_of(api, "/v1/breakouts", **query), COLUMNS, json=json)


def watch(api: Api, breakout_id: BreakoutId, *, uploads: Uploads = False, json: JsonLines = False) -> None:
    """Follow it live until it has ended: rooms, people, recordings, the time left, problems."""
    raise typer.Exit(follow(api, breakout_id, as_json=json, uploads=uploads))


def extend(
    api: Api,
    breakout_id: BreakoutId,
    by: Annotated[int, typer.Argument(parser=durations.signed_seconds, metavar="±DURATION", show_default=False)],
    *,
    room: OneRoom = None,
    json: AsJson = False,
) -> None:
    """Move the end of its timer, or of a room's own: 5m is later, -5m earlier."""
    _answer(api, changes.extend(api, breakout_id, by, room), room, json=json)


def until(
    api: Api,
    breakout_id: BreakoutId,
    end: Annotated[str, typer.Argument(metavar="TIME", help="A time; never: without a timer.", show_default=False)],
    *,
    room: OneRoom = None,
    json: AsJson = False,
) -> None:
    """Let it close at a time, or never by itself; while it is closing either calls the countdown off."""
    _change_clock(api, breakout_id, room, {"closes_at": durations.end(end)}, json=json)


def pause(api: Api, breakout_id: BreakoutId, *, room: OneRoom = None, json: AsJson = False) -> None:
    """Stop its timer, or a room's own; what is left of it is kept."""
    _change_clock(api, breakout_id, room, {"paused": True}, json=json)


def resume(api: Api, breakout_id: BreakoutId, *, room: OneRoom = None, json: AsJson = False) -> None:
    """Let what is left of its timer run, or of a room's own."""
    _change_clock(api, breakout_id, room, {"paused": False}, json=json)


def _change_clock(api: Api, breakout_id: str, room: str | None, change: JSON, *, json: bool) -> None:
    _answer(api, api.call("PATCH", changes.clock_path(api, breakout_id, room), change), room, json=json)


def _answer(api: Api, body: JSON, room: str | None, *, json: bool) -> None:
    answer(body, sentence(api, body) if room is None else of_room(body), json=json)


def rebalance(
    api: Api,
    breakout_id: BreakoutId,
    size: Annotated[int, typer.Argument(metavar="PEOPLE", show_default=False)],
    *,
    json: AsJson = False,
) -> None:
    """Dissolve rooms in which fewer people are into the others."""
    body = create_once(api, breakout_path(breakout_id, "rebalance"), {"min_room_size": size})
    answer(body, f"{count(len(body['moves']), 'person moves', 'people move')}", json=json)


def move(
    api: Api,
    breakout_id: BreakoutId,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Your own id of them.", show_default=False)],
    room: Annotated[
        str,
        typer.Argument(metavar="ROOM", help="Name, id, or index from 0; main: back.", show_default=False),
    ],
    *,
    json: AsJson = False,
) -> None:
    """Send somebody to another room, or back to main."""
    body, destination = changes.move(api, breakout_id, person, room)
    answer(body, f"{person} goes to {destination}", json=json)


def broadcast(
    api: Api,
    breakout_id: BreakoutId,
    text: Annotated[str, typer.Argument(show_default=False)],
    *,
    room: SomeRooms = None,
    json: AsJson = False,
) -> None:
    """Say something to everybody, or to the people of some rooms."""
    rooms = [changes.room_of(api, breakout_id, one) for one in room or []]
    body = {"text": text} | ({"room_ids": [one.id for one in rooms]} if rooms else {})
    answered = create_once(api, breakout_path(breakout_id, "broadcast"), body)
    answer(answered, f"told to {', '.join(one.name for one in rooms) or 'everybody'}", json=json)


def poll(
    api: Api,
    breakout_id: BreakoutId,
    question: Annotated[str, typer.Argument(show_default=False)],
    options: Annotated[list[str], typer.Argument(metavar="OPTION OPTION…", show_default=False)],
    *,
    room: SomeRooms = None,
    json: AsJson = False,
) -> None:
    """Ask the people of all rooms, or of some, with RealtimeKit's poll."""
    rooms = [changes.room_of(api, breakout_id, one) for one in room or []]
    body = {"question": question, "options": options} | ({"room_ids": [one.id for one in rooms]} if rooms else {})
    answered = create_once(api, breakout_path(breakout_id, "poll"), body)
    answer(answered, f"asked in {', '.join(one.name for one in rooms) or 'every room with people'}", json=json)


def recordings(api: Api, breakout_id: BreakoutId, *, json: AsJson = False) -> None:
    """List the recordings of every room, with their files and until when these can be fetched."""
    rows(all_of(api, breakout_path(breakout_id, "recordings")), RECORDING_COLUMNS, json=json)


def help_(api: Api, breakout_id: BreakoutId, *, json: AsJson = False) -> None:
    """List who asks for help from a room, the oldest first."""
    rows(all_of(api, breakout_path(breakout_id, "help")), HELP_COLUMNS, json=json)


def resolve(
    api: Api,
    breakout_id: BreakoutId,
    help_id: Annotated[str, typer.Argument(metavar="HELP_ID", show_default=False)],
    *,
    json: AsJson = False,
) -> None:
    """Say that somebody who asked for help has got it."""
    body = create_once(api, breakout_path(breakout_id, "help", help_id, "resolve"))
    answer(body, f"{body['custom_participant_id']} in {body['room_name']} was helped", json=json)


def close(
    api: Api,
    breakout_id: BreakoutId,
    *,
    countdown: Countdown = None,
    watch: Watch = False,
    uploads: Uploads = False,
    json: JsonLines = False,
) -> None:
    """Call everybody back to main and close the rooms."""
    request = {} if countdown is None else {"countdown_seconds": countdown}
    body = api.call("POST", breakout_path(breakout_id, "close"), request)
    if watch:
        raise typer.Exit(follow(api, breakout_id, as_json=json, uploads=uploads))
    answer(body, sentence(api, body), json=json)


def report(api: Api, breakout_id: BreakoutId, *, json: AsJson = False) -> None:
    """Show groups, times, recordings, people by end state, problems; 1 also when it ended badly."""
    body = api.get(breakout_path(breakout_id))
    breakout = as_breakout(body)
    console = Console(highlight=False)
    if json:
        answer(body, "", json=json)
    else:
        console.print(ending.report(breakout), soft_wrap=not console.is_terminal)
    raise typer.Exit(1 if ending.is_over(breakout) and ending.failings(breakout) else 0)
