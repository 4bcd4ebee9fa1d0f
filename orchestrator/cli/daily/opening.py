"""The request for a new breakout, from a file and options; the API's defaults apply to the rest."""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.daily.client import JSON, Api, create_once, meeting_path
from orchestrator.cli.daily.options import Command, Countdown, Duration, options_of, parameters, with_parameters
from orchestrator.errors import Unusable

OF_ASSIGNMENT = ("mode", "seed", "who", "deal", "include_hosts", "together", "apart", "balance_by")
SOURCES = ("rooms", "room_size", "from_breakout")
HOSTS: Mapping[str, bool | str] = {"no": False, "yes": True, "one-per-room": "one_per_room"}

RoomNames = Annotated[list[str] | None, typer.Option(help="Instead: a room of this name; as often as needed.")]
Earlier = Annotated[
    str | None, typer.Option(metavar="BREAKOUT_ID", help="Instead: the rooms and people of an earlier one.")
]
Hosts = Annotated[str | None, typer.Option(metavar="|".join(HOSTS), help="Whether hosts are dealt out too.")]
Together = Annotated[
    list[str] | None, typer.Option(metavar="ID,ID,…", help="People who share a room; as often as needed.")
]
Apart = Annotated[list[str] | None, typer.Option(metavar="ID,ID,…", help="People who never do; as often as needed.")]
BalanceBy = Annotated[
    list[str] | None, typer.Option(metavar="ATTRIBUTE", help="Spread its values; as often as needed.")
]
FromFile = Annotated[
    Path | None, typer.Option("--from", metavar="FILE", help="JSON with any field of the API; - is stdin.")
]


def with_plan(command: Command) -> Command:
    """Give a command the options of a plan, and pass it the body of the request that they make as `body`."""

    @wraps(command, assigned=("__module__", "__name__", "__doc__"), updated=())
    def run(
        api: Api,
        meeting_id: str,
        *,
        rooms: Annotated[int | None, typer.Option(help="How many rooms.")] = None,
        room_size: Annotated[int | None, typer.Option(help="Instead: at most so many people in each.")] = None,
        room: RoomNames = None,
        from_breakout: Earlier = None,
        name: Annotated[str | None, typer.Option()] = None,
        duration: Duration = None,
        countdown: Countdown = None,
        record: Annotated[bool, typer.Option("--record", help="Record every room.")] = False,
        mode: Annotated[str | None, typer.Option(metavar="even|manual|self_select")] = None,
        seed: Annotated[int | None, typer.Option(help="Same seed and people: same groups.")] = None,
        who: Annotated[str | None, typer.Option(metavar="registered|present")] = None,
        deal: Annotated[str | None, typer.Option(metavar="now|at_start", help="When the groups are dealt.")] = None,
        hosts: Hosts = None,
        together: Together = None,
        apart: Apart = None,
        balance_by: BalanceBy = None,
        from_file: FromFile = None,
        **given: Any,
    ) -> None:
        ways = [("rooms", rooms), ("room_size", room_size), ("rooms", room), ("from_breakout", from_breakout)]
        fields = {
            "name": name,
            "duration_seconds": duration,
            "countdown_seconds": countdown,
            "record": record or None,
            "mode": mode,
            "seed": seed,
            "who": who,
            "deal": deal,
            "include_hosts": _hosts(hosts),
            "together": _groups(together),
            "apart": _groups(apart),
            "balance_by": balance_by or None,
        }
        chosen = [(source, value) for source, value in ways if value]
        command(api, meeting_id, body=_body(chosen, fields, from_file), **given)

    own = [parameter for parameter in options_of(command) if parameter.name != "body"]
    return with_parameters(run, [*parameters(command)[:2], *options_of(run), *own])


def _hosts(text: str | None) -> bool | str | None:
    if text is None:
        return None
    if text not in HOSTS:
        raise typer.BadParameter(f"--hosts {text}: say {', '.join(HOSTS)}")
    return HOSTS[text]


def _groups(texts: list[str] | None) -> list[list[str]] | None:
    return [[name.strip() for name in text.split(",")] for text in texts] if texts else None


def _body(chosen: Sequence[tuple[str, Any]], fields: Mapping[str, Any], file: Path | None) -> JSON:
    """Build the request; options override the file. Raises BadParameter unless exactly one way asks for rooms."""
    body = read_object(file) if file else {}
    if len(chosen) > 1 or not (chosen or file):
        ways = "--rooms N, --room-size N, --room NAME (as often as needed), --from-breakout ID"
        raise typer.BadParameter(f"say exactly one of {ways}")
    if chosen:
        body = {name: value for name, value in body.items() if name not in SOURCES} | dict(chosen)
    given = {name: value for name, value in fields.items() if value is not None}
    assignment = {name: value for name, value in given.items() if name in OF_ASSIGNMENT}
    body |= {name: value for name, value in given.items() if name not in OF_ASSIGNMENT}
    return body | ({"assignment": body.get("assignment", {}) | assignment} if assignment else {})


def create(api: Api, meeting_id: str, body: JSON, **query: str) -> JSON:
    """Create a breakout once, however often the network fails."""
    return create_once(api, meeting_path(meeting_id, "breakouts"), body, **query)


def read_object(file: Path) -> JSON:
    """Read a JSON object from a file; `-` is stdin. Raises Unusable."""
    try:
        body = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except (OSError, ValueError) as error:
        raise Unusable(f"--from {file}: {error}") from None
    if not isinstance(body, dict):
        raise Unusable(f"--from {file}: not a JSON object")
    return body
