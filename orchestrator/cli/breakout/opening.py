"""The request for a new breakout, from a file and options; the API's defaults apply to the rest."""

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer

from orchestrator.cli.breakout.client import JSON, Api
from orchestrator.errors import Unusable

ASSIGNMENT_FIELDS = ("mode", "seed", "who")


@dataclass(frozen=True)
class Options:
    """The options of the command line; None stands for an option that was not given."""

    rooms: list[tuple[str, Any]]
    """The ways to ask for rooms, by field of the body."""
    fields: dict[str, Any]
    """All other options, by field of the body or of its `assignment`."""


def body_of(options: Options, file: Path | None) -> JSON:
    """Build the request; options override the file. Raises BadParameter unless exactly one way asks for rooms."""
    body: JSON = {"start": "now"} | (_read(file) if file else {})
    ways = [(name, value) for name, value in options.rooms if value]
    if len(ways) > 1 or not (ways or file):
        raise typer.BadParameter("say exactly one of --rooms N, --room-size N, --room NAME (as often as needed)")
    if ways:
        body = {name: value for name, value in body.items() if name not in ("rooms", "room_size")} | dict(ways)
    given = {name: value for name, value in options.fields.items() if value is not None}
    assignment = {name: value for name, value in given.items() if name in ASSIGNMENT_FIELDS}
    body |= {name: value for name, value in given.items() if name not in ASSIGNMENT_FIELDS}
    if assignment:
        body["assignment"] = body.get("assignment", {}) | assignment
    return body


def create(api: Api, meeting_id: str, body: JSON) -> JSON:
    """Create a breakout once, however often the network fails."""
    path = f"/v1/meetings/{quote(meeting_id, safe='')}/breakouts"
    return api.call("POST", path, body, headers={"Idempotency-Key": secrets.token_urlsafe(24)})


def _read(file: Path) -> JSON:
    try:
        body = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except (OSError, ValueError) as error:
        raise Unusable(f"--from {file}: {error}") from None
    if not isinstance(body, dict):
        raise Unusable(f"--from {file}: not a JSON object")
    return body
