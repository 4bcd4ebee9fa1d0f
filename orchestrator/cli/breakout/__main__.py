"""`python -m orchestrator.cli.breakout`: the commands."""

import json as jsons
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.breakout import changes, durations, opening
from orchestrator.cli.breakout.client import JSON, Api, as_breakout, breakout_path, note
from orchestrator.cli.breakout.options import (
    EXIT_CODES,
    AsJson,
    BreakoutId,
    Countdown,
    Duration,
    JsonLines,
    Uploads,
    Watch,
    with_api,
)
from orchestrator.cli.breakout.watching import watch as follow
from orchestrator.cli.failures import errors_as_messages
from orchestrator.cli.show import ending
from orchestrator.cli.show.words import time_left

app = typer.Typer(
    help="Drive a breakout through the API. Data goes to stdout, everything else to stderr.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("open", epilog=EXIT_CODES)
@with_api
def open_(
    api: Api,
    meeting_id: Annotated[str, typer.Argument(metavar="MEETING_ID", show_default=False)],
    *,
    rooms: Annotated[int | None, typer.Option(help="How many rooms.")] = None,
    room_size: Annotated[int | None, typer.Option(help="Instead: at most so many people in each.")] = None,
    room: Annotated[list[str] | None, typer.Option(help="Instead: a room of this name; as often as needed.")] = None,
    name: Annotated[str | None, typer.Option()] = None,
    duration: Duration = None,
    countdown: Countdown = None,
    record: Annotated[bool, typer.Option("--record", help="Record every room.")] = False,
    seed: Annotated[int | None, typer.Option(help="Same seed and people: same groups.")] = None,
    who: Annotated[str | None, typer.Option(metavar="registered|present")] = None,
    mode: Annotated[str | None, typer.Option(metavar="even|manual")] = None,
    start: Annotated[
        str | None, typer.Option(parser=durations.start, metavar="now|manual|TIME", help="Default: now.")
    ] = None,
    prepare: Annotated[bool, typer.Option("--prepare", help="Make rooms and tokens ahead of the start.")] = False,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="JSON with any field of the API; - is stdin.")
    ] = None,
    watch: Watch = False,
    uploads: Uploads = False,
    json: JsonLines = False,
) -> None:
    """Split a meeting into rooms; prints the new breakout's id. Durations are 90, 90s, 15m, 1h."""
    fields = {
        "name": name,
        "duration_seconds": duration,
        "countdown_seconds": countdown,
        "record": record or None,
        "seed": seed,
        "who": who,
        "mode": mode,
        "start": start,
    }
    options = opening.Options([("rooms", rooms), ("room_size", room_size), ("rooms", room)], fields)
    body = opening.create(api, meeting_id, opening.body_of(options, from_file))
    made = as_breakout(body)
    note(f"{made.name} is {made.state}: {made.id}")
    if prepare:
        body = api.call("POST", breakout_path(made.id, "prepare"))
    if watch:
        raise typer.Exit(follow(api, made.id, as_json=json, uploads=uploads))
    _print(body, made.id, json)


@app.command(epilog=EXIT_CODES)
@with_api
def start(
    api: Api,
    breakout_id: BreakoutId,
    *,
    watch: Watch = False,
    uploads: Uploads = False,
    json: JsonLines = False,
) -> None:
    """Open the rooms of one that was planned with `--start manual` or for later."""
    body = api.call("POST", breakout_path(breakout_id, "start"))
    if watch:
        raise typer.Exit(follow(api, breakout_id, as_json=json, uploads=uploads))
    _print(body, _sentence(api, body), json)


@app.command("watch", epilog=EXIT_CODES)
@with_api
def watch_(
    api: Api,
    breakout_id: BreakoutId,
    *,
    uploads: Uploads = False,
    json: JsonLines = False,
) -> None:
    """Follow it live until it has ended: rooms, people, recordings, the time left, problems."""
    raise typer.Exit(follow(api, breakout_id, as_json=json, uploads=uploads))


@app.command(epilog=EXIT_CODES, context_settings={"ignore_unknown_options": True})  # so that -5m is an argument
@with_api
def extend(
    api: Api,
    breakout_id: BreakoutId,
    by: Annotated[int, typer.Argument(parser=durations.signed_seconds, metavar="±DURATION", show_default=False)],
    *,
    json: AsJson = False,
) -> None:
    """Move the end of its timer: 5m is later, -5m earlier."""
    body = changes.extend(api, breakout_id, by)
    _print(body, _sentence(api, body), json)


@app.command(epilog=EXIT_CODES)
@with_api
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
    _print(body, f"{person} goes to {destination}", json)


@app.command(epilog=EXIT_CODES)
@with_api
def retry(
    api: Api,
    breakout_id: BreakoutId,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="Name, id, or index from 0.", show_default=False)],
    *,
    json: AsJson = False,
) -> None:
    """Try a room that has failed once more; its people who sit elsewhere by now stay there."""
    body, name = changes.retry(api, breakout_id, room)
    _print(body, f"{name} is tried again", json)


@app.command(epilog=EXIT_CODES)
@with_api
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
    _print(body, _sentence(api, body), json)


@app.command(epilog=EXIT_CODES)
@with_api
def cancel(
    api: Api,
    breakout_id: BreakoutId,
    *,
    json: AsJson = False,
) -> None:
    """Give up one that has not started."""
    body = api.call("POST", breakout_path(breakout_id, "cancel"))
    _print(body, _sentence(api, body), json)


@app.command(
    epilog=EXIT_CODES,
    help="Groups, times, recordings, people by end state and problems; 1 also when it ended badly.",
)
@with_api
def report(
    api: Api,
    breakout_id: BreakoutId,
    *,
    json: AsJson = False,
) -> None:
    """Print a report; exit with 1 if the breakout ended badly."""
    body = api.get(breakout_path(breakout_id))
    breakout = as_breakout(body)
    console = Console(highlight=False)
    if json:
        _print(body, "", json)
    else:
        console.print(ending.report(breakout), soft_wrap=not console.is_terminal)
    raise typer.Exit(1 if ending.is_over(breakout) and ending.failings(breakout) else 0)


def _sentence(api: Api, body: JSON) -> str:
    breakout = as_breakout(body)
    left = time_left(breakout, api.now())
    return f"{breakout.name} is {breakout.state}{f': {left}' if left else ''}"


def _print(body: JSON, text: str, json: bool) -> None:
    sys.stdout.write(f"{jsons.dumps(body) if json else text}\n")


def main() -> None:
    """Run `breakouts breakout`."""
    with errors_as_messages():
        app(prog_name="breakouts breakout")


if __name__ == "__main__":
    main()
