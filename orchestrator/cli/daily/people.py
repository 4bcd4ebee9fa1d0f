"""People of a parent meeting."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.daily import durations
from orchestrator.cli.daily.client import JSON, Api, all_of, create_once, meeting_path, note
from orchestrator.cli.daily.options import AsJson, Command, MeetingId
from orchestrator.cli.daily.output import answer, rows
from orchestrator.domain.sheets import EMAIL, ID, NAME, Unreadable, first_of, read_table
from orchestrator.errors import Unusable

COLUMNS = ("custom_participant_id", "name", "role", "location")
AT_ONCE = 1000
"""How many people one call registers at most."""
OWN = ("role", "preset_name")


def add(
    api: Api,
    meeting_id: MeetingId,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV or TSV, as from a spreadsheet.", show_default=False)
    ],
    *,
    json: AsJson = False,
) -> None:
    """Register the people of a file, or bring them up to date.

    Columns: custom_participant_id or e-mail, name, role, preset_name. Any other column is an attribute of that name.
    Rows without a person are left out and named.
    """
    found = _read(file)
    registered: list[JSON] = []
    for begin in range(0, len(found), AT_ONCE):
        body = {"participants": found[begin : begin + AT_ONCE]}
        registered += create_once(api, meeting_path(meeting_id, "participants"), body)["participants"]
    answer({"participants": registered}, f"{len(registered)} people are registered", json=json)


def index(api: Api, meeting_id: MeetingId, *, json: AsJson = False) -> None:
    """List the people of a meeting, and where each was last seen."""
    rows(all_of(api, meeting_path(meeting_id, "participants")), COLUMNS, json=json)


def token(
    api: Api,
    meeting_id: MeetingId,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Your own id of them.", show_default=False)],
    *,
    ttl: Annotated[
        int | None, typer.Option(parser=durations.seconds, metavar="DURATION", help="How long it is good for.")
    ] = None,
    host: Annotated[bool, typer.Option("--host", help="Good for what a host may do, too.")] = False,
    json: AsJson = False,
) -> None:
    """Make a client token for somebody's browser, and print it."""
    path = meeting_path(meeting_id, "participants", person, "client-tokens")
    wish = ({} if ttl is None else {"ttl_seconds": ttl}) | ({"scope": "host"} if host else {})
    body = create_once(api, path, wish)
    answer(body, body["token"], json=json)


def take_back(
    api: Api,
    meeting_id: MeetingId,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Your own id of them.", show_default=False)],
) -> None:
    """Refuse every client token that somebody has got so far, and end their streams."""
    api.call("DELETE", meeting_path(meeting_id, "participants", person, "client-tokens"))
    sys.stdout.write(f"the tokens of {person} are refused\n")


def remove(
    api: Api,
    meeting_id: MeetingId,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Your own id of them.", show_default=False)],
    *,
    erase: Annotated[bool, typer.Option("--erase", help="Replace their name and id wherever they are stored.")] = False,
) -> None:
    """Remove somebody from a meeting for good, at RealtimeKit too."""
    api.call("DELETE", meeting_path(meeting_id, "participants", person) + ("?erase=true" if erase else ""))
    answer({}, f"{person} is removed{' and erased' if erase else ''}", json=False)


def _read(file: Path) -> list[JSON]:
    """Read people from a file. Raises Unusable."""
    try:
        table = read_table(file.read_bytes())
    except (OSError, Unreadable) as error:
        raise Unusable(f"{file}: {error}") from None
    people: dict[str, JSON] = {}
    for line, cells in table:
        if unnamed := cells.pop("", ""):
            note(f"{file}, line {line}: {unnamed} stands under no heading and is left out")
        person = _person(cells)
        if person is None:
            note(f"{file}, line {line}: no custom_participant_id and no e-mail address")
        elif person["custom_participant_id"] in people:
            note(f"{file}, line {line}: {person['custom_participant_id']} is listed before")
        else:
            people[person["custom_participant_id"]] = person
    if not people:
        raise Unusable(f"{file}: nobody who could be registered")
    return list(people.values())


def _person(cells: Mapping[str, str]) -> JSON | None:
    """Return the person of a row, by heading; None without anybody's id. Other columns are attributes."""
    name_of = first_of(cells, (*ID, *EMAIL))
    if not name_of:
        return None
    own = {field: cells[field] for field in OWN if cells.get(field)}
    rest = {heading: cell for heading, cell in cells.items() if cell and heading not in (*ID, *EMAIL, *NAME, *OWN)}
    name = first_of(cells, NAME) or name_of
    return {"custom_participant_id": name_of, "name": name, **own, **({"attributes": rest} if rest else {})}


COMMANDS: Mapping[str, Command] = {
    "add": add,
    "list": index,
    "token": token,
    "revoke-tokens": take_back,
    "remove": remove,
}
