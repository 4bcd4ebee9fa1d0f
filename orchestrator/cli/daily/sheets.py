"""Plans in and out of spreadsheets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.daily.client import CSV, Api, as_breakout, breakout_path, create_once, meeting_path, note
from orchestrator.cli.daily.options import AsJson, BreakoutId, MeetingId
from orchestrator.cli.daily.output import answer
from orchestrator.errors import Unusable


def import_(
    api: Api,
    meeting_id: MeetingId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Who sits where, as CSV or TSV.", show_default=False)],
    *,
    name: Annotated[str | None, typer.Option(help="The draft's name.")] = None,
    register: Annotated[bool, typer.Option("--register", help="Register people who are unknown.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be.")] = False,
    json: AsJson = False,
) -> None:
    """Make a draft from a file of rooms and people, and print its id. Says which rows it could not use."""
    asked = {"register": str(register).lower(), "dry_run": str(dry_run).lower()} | ({"name": name} if name else {})
    body = create_once(api, meeting_path(meeting_id, "breakouts", "import"), _content(file), **asked)
    for row in body["skipped"]:
        note(f"{file}, line {row['line']}: {row['why']}")
    note(f"{body['used']} of {body['rows']} rows are used")
    answer(body, as_breakout(body["breakout"]).id, json=json)


def export(
    api: Api,
    breakout_id: BreakoutId,
    *,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a byte order mark, for Excel.")] = False,
) -> None:
    """Print who is where as CSV; imported again it makes the same plan."""
    sys.stdout.write(api.get(breakout_path(breakout_id, "assignment") + f"?bom={str(bom).lower()}")[CSV])


def attendance(
    api: Api,
    breakout_id: BreakoutId,
    *,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a byte order mark, for Excel.")] = False,
) -> None:
    """Print who was in which room, when, as CSV."""
    path = breakout_path(breakout_id, "attendance") + f"?bom={str(bom).lower()}"
    sys.stdout.write(api.call("GET", path, headers={"Accept": CSV})[CSV])


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unusable(f"{file}: {error.strerror}") from None
