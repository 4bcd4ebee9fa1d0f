"""The body of a new breakout, from a file and options; what neither says is the API's to decide."""

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer

from orchestrator.cli.breakout.client import JSON, Api
from orchestrator.cli.failures import Unusable

ASSIGNMENT = ("mode", "seed", "who")


@dataclass(frozen=True)
class Wish:
    """What the command line says of a new breakout; None: nothing."""

    rooms: list[tuple[str, Any]]
    """Each way of asking for rooms, by its name in the body."""
    fields: dict[str, Any]
    """Everything else, by its name in the body; of an assignment too."""


def body_of(wish: Wish, file: Path | None) -> JSON:
    """The request: options win over the file. Raises BadParameter unless rooms are asked for in exactly one way."""
    body: JSON = {"start": "now"} | (_read(file) if file else {})
    ways = [(name, value) for name, value in wish.rooms if value]
    if len(ways) > 1 or not (ways or file):
        raise typer.BadParameter("say exactly one of --rooms N, --room-size N, --room NAME (as often as needed)")
    if ways:
        body = {name: value for name, value in body.items() if name not in ("rooms", "room_size")} | dict(ways)
    said = {name: value for name, value in wish.fields.items() if value is not None}
    assignment = {name: value for name, value in said.items() if name in ASSIGNMENT}
    body |= {name: value for name, value in said.items() if name not in ASSIGNMENT}
    if assignment:
        body["assignment"] = body.get("assignment", {}) | assignment
    return body


def create(api: Api, meeting_id: str, body: JSON) -> JSON:
    """Create it, once however often the network fails."""
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
