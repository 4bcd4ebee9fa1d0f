"""How the commands answer: JSON for programs, a sentence or a table for people. Data goes to stdout."""

import json as jsons
import sys
from collections.abc import Sequence

from orchestrator.cli.daily.client import JSON, Api, as_breakout
from orchestrator.cli.output import write_json, write_table
from orchestrator.cli.show.words import time_left


def answer(body: JSON, text: str, *, json: bool) -> None:
    """Write the API's answer, or this text."""
    sys.stdout.write(f"{jsons.dumps(body) if json else text}\n")


def rows(items: list[JSON], columns: Sequence[str], *, json: bool) -> None:
    """Write a list, as JSON or with these columns."""
    if json:
        write_json(items)
    else:
        write_table([columns, *([_cell(item[column]) for column in columns] for item in items)])


def sentence(api: Api, body: JSON) -> str:
    """Return the state of a breakout, and what is left of its time."""
    breakout = as_breakout(body)
    left = time_left(breakout, api.now())
    return f"{breakout.name} is {breakout.state}{f': {left}' if left else ''}"


def of_room(body: JSON) -> str:
    """Return until when a room is open by its own clock."""
    if body["paused"]:
        return f"{body['name']} is paused with {body['remaining_seconds']} s left"
    return f"{body['name']} closes {body['closes_at'] or 'with its breakout'}"


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
