"""Parent meetings."""

from collections.abc import Mapping
from typing import Annotated

import typer

from orchestrator.cli.daily.client import Api, all_of, create_once, meeting_path
from orchestrator.cli.daily.opening import FromFile, read_object
from orchestrator.cli.daily.options import AsJson, Command, MeetingId
from orchestrator.cli.daily.output import answer, rows

COLUMNS = ("id", "title", "participant_count", "present_count", "ends_at")


def create(
    api: Api,
    title: Annotated[str, typer.Argument(show_default=False)] = "",
    *,
    adopt: Annotated[
        str | None, typer.Option(metavar="ID", help="A meeting that RealtimeKit has already, by its id there.")
    ] = None,
    from_file: FromFile = None,
    json: AsJson = False,
) -> None:
    """Make a meeting at RealtimeKit, or adopt one, and print its id."""
    body = read_object(from_file) if from_file else {}
    body |= {name: value for name, value in {"title": title, "realtimekit_meeting_id": adopt}.items() if value}
    made = create_once(api, "/v1/meetings", body)
    answer(made, made["id"], json=json)


def index(
    api: Api,
    *,
    title: Annotated[str | None, typer.Option(help="Those whose title has this part.")] = None,
    json: AsJson = False,
) -> None:
    """List meetings, the oldest first."""
    rows(all_of(api, "/v1/meetings", **({"title": title} if title else {})), COLUMNS, json=json)


def show(api: Api, meeting_id: MeetingId, *, json: AsJson = False) -> None:
    """Show how many people are registered, and how many of them are there."""
    body = api.get(meeting_path(meeting_id))
    there = f"{body['present_count']} of {body['participant_count']} people are there"
    answer(body, f"{body['title']}: {there}", json=json)


def change(
    api: Api,
    meeting_id: MeetingId,
    *,
    title: Annotated[str | None, typer.Option(help="Its new title here.")] = None,
    ends_at: Annotated[
        str | None, typer.Option(metavar="TIME|never", help="By then everybody is in main (RFC 3339).")
    ] = None,
    from_file: FromFile = None,
    json: AsJson = False,
) -> None:
    """Change what is given; the rest stays as it is."""
    wish = read_object(from_file) if from_file else {}
    wish |= {} if title is None else {"title": title}
    wish |= {} if ends_at is None else {"ends_at": None if ends_at == "never" else ends_at}
    body = api.call("PATCH", meeting_path(meeting_id), wish)
    answer(body, f"{body['title']} ends {body['ends_at'] or 'at no certain time'}", json=json)


def delete(api: Api, meeting_id: MeetingId) -> None:
    """Delete a meeting with all that is stored of it. RealtimeKit's main meeting stays."""
    api.call("DELETE", meeting_path(meeting_id))
    answer({}, "it is deleted", json=False)


COMMANDS: Mapping[str, Command] = {"create": create, "list": index, "show": show, "change": change, "delete": delete}
