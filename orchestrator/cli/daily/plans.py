"""Plans: made, changed, dealt anew, prepared, started, given up."""

from typing import Annotated, Any

import typer

from orchestrator.cli.daily import durations, opening
from orchestrator.cli.daily.client import JSON, Api, as_breakout, breakout_path, create_once, meeting_path, note
from orchestrator.cli.daily.options import AsJson, BreakoutId, JsonLines, MeetingId, Uploads, Watch
from orchestrator.cli.daily.output import answer, sentence
from orchestrator.cli.daily.watching import watch as follow

Start = Annotated[
    str, typer.Option(parser=durations.start, metavar="manual|TIME", help="When it starts; manual: by hand.")
]
NO_GAP: Any = "0s"  # a string, because typer parses defaults too


@opening.with_plan
def open_(
    api: Api,
    meeting_id: MeetingId,
    *,
    body: JSON,
    watch: Watch = False,
    uploads: Uploads = False,
    json: JsonLines = False,
) -> None:
    """Open a breakout and print its id. Durations are 90, 90s, 15m, 1h."""
    made = opening.create(api, meeting_id, body | {"start": "now"})
    breakout = as_breakout(made)
    note(f"{breakout.name} is {breakout.state}: {breakout.id}")
    if watch:
        raise typer.Exit(follow(api, breakout.id, as_json=json, uploads=uploads))
    answer(made, breakout.id, json=json)


@opening.with_plan
def plan(
    api: Api,
    meeting_id: MeetingId,
    *,
    body: JSON,
    start: Start = "manual",
    prepare: Annotated[bool, typer.Option("--prepare", help="Make rooms and tokens at once.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what opening it would take.")] = False,
    json: AsJson = False,
) -> None:
    """Plan a breakout and print its id. A time without a time zone is of this machine's."""
    if dry_run:
        rehearsed = opening.create(api, meeting_id, body | {"start": start}, dry_run="true")
        answer(rehearsed, _rehearsal(rehearsed), json=json)
        return
    made = opening.create(api, meeting_id, body | {"start": start})
    breakout = as_breakout(made)
    note(f"{breakout.name} is {breakout.state}: {breakout.id}")
    if prepare:
        made = create_once(api, breakout_path(breakout.id, "prepare"))
    answer(made, breakout.id, json=json)


@opening.with_plan
def rounds(
    api: Api,
    meeting_id: MeetingId,
    *,
    body: JSON,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many rounds.")],
    gap: Annotated[
        int, typer.Option(parser=durations.seconds, metavar="DURATION", help="The time between two rounds.")
    ] = NO_GAP,
    start: Annotated[
        str, typer.Option(parser=durations.start, metavar="now|manual|TIME", help="When the first one starts.")
    ] = "manual",
    json: AsJson = False,
) -> None:
    """Plan several breakouts in which people meet as many others as possible, and print their ids."""
    wish = body | {"rounds": count, "gap_seconds": gap, "start": start}
    made = create_once(api, meeting_path(meeting_id, "rounds"), wish)
    note(f"{made['repeated_pairs']} pairs meet more than once")
    answer(made, "\n".join(breakout["id"] for breakout in made["breakouts"]), json=json)


def change(
    api: Api,
    breakout_id: BreakoutId,
    *,
    name: Annotated[str | None, typer.Option(help="Its new name, at any time.")] = None,
    start: Annotated[
        str | None, typer.Option(parser=durations.start, metavar="manual|TIME", help="When it starts.")
    ] = None,
    from_file: opening.FromFile = None,
    json: AsJson = False,
) -> None:
    """Change what is given; the rest stays as it is."""
    wish = opening.read_object(from_file) if from_file else {}
    wish |= {field: value for field, value in {"name": name, "start": start}.items() if value is not None}
    if not wish:
        raise typer.BadParameter("say what to change: --name, --start, --from FILE")
    body = api.call("PATCH", breakout_path(breakout_id), wish)
    answer(body, sentence(api, body), json=json)


def shuffle(
    api: Api,
    breakout_id: BreakoutId,
    *,
    seed: Annotated[int | None, typer.Option(help="Same seed and people: same groups.")] = None,
    free_pinned: Annotated[bool, typer.Option("--free-pinned", help="Also who was put somewhere by hand.")] = False,
    json: AsJson = False,
) -> None:
    """Deal everybody anew who was not put somewhere by hand."""
    wish = {"keep_pinned": not free_pinned} | ({} if seed is None else {"seed": seed})
    body = create_once(api, breakout_path(breakout_id, "shuffle"), wish)
    answer(body, f"{as_breakout(body).name} is dealt by the seed {as_breakout(body).seed}", json=json)


def prepare(api: Api, breakout_id: BreakoutId, *, json: AsJson = False) -> None:
    """Make rooms and tokens now, so that the start waits for nothing."""
    body = create_once(api, breakout_path(breakout_id, "prepare"))
    answer(body, f"{as_breakout(body).name} is being prepared", json=json)


def start(
    api: Api,
    breakout_id: BreakoutId,
    *,
    watch: Watch = False,
    uploads: Uploads = False,
    json: JsonLines = False,
) -> None:
    """Open the rooms of one that was planned."""
    body = api.call("POST", breakout_path(breakout_id, "start"))
    if watch:
        raise typer.Exit(follow(api, breakout_id, as_json=json, uploads=uploads))
    answer(body, sentence(api, body), json=json)


def cancel(api: Api, breakout_id: BreakoutId, *, json: AsJson = False) -> None:
    """Give up one that has not started."""
    body = api.call("POST", breakout_path(breakout_id, "cancel"))
    answer(body, sentence(api, body), json=json)


def _rehearsal(body: JSON) -> str:
    rooms, calls = len(body["breakout"]["rooms"]), body["calls"]
    said = f"{rooms} rooms, {calls['total']} calls to RealtimeKit, about {body['predicted_seconds']:.1f} s to open"
    return "\n".join([said, *body["conflicts"]])
