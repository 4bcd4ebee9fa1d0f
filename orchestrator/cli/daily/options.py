"""What the commands share: options for the API and for the output, and the exit codes."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.daily import durations
from orchestrator.cli.daily.access import connect

EXIT_CODES = (
    "Exit codes: 0 done; 1 ended badly (a room or recording failed, somebody was lost, there were problems, or it "
    "never opened); 2 wrong usage or settings, or the output can't be written; 3 refused by the API; 4 the API can't "
    "be reached, or has trouble of its own."
)

MeetingId = Annotated[str, typer.Argument(metavar="MEETING_ID", show_default=False)]
BreakoutId = Annotated[str, typer.Argument(metavar="BREAKOUT_ID", show_default=False)]
RoomName = Annotated[str, typer.Argument(metavar="ROOM", help="Name, id, or index from 0.", show_default=False)]
OneRoom = Annotated[str | None, typer.Option("--room", metavar="ROOM", help="Of this room alone.")]
ApiUrl = Annotated[str, typer.Option("--api", metavar="URL", help="Default: BREAKOUTS_API_URL, else HOST and PORT.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With the key. Default: BREAKOUTS_API_KEY, else operator.key of BREAKOUTS_HOME."),
]
Patience = Annotated[
    int,
    typer.Option(
        parser=durations.seconds, metavar="DURATION", help="How long to try again while the API does not answer."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="The API's answer as JSON.")]
JsonLines = Annotated[bool, typer.Option("--json", help="JSON; while watching, a line per change, without the rooms.")]
Watch = Annotated[bool, typer.Option("--watch", help="Stay and watch it to its end.")]
Uploads = Annotated[
    bool, typer.Option("--uploads", help="Watch on until every recording is uploaded, or never will be.")
]
Duration = Annotated[
    int | None, typer.Option(parser=durations.seconds, metavar="DURATION", help="How long they stay open.")
]
Countdown = Annotated[
    int | None, typer.Option(parser=durations.seconds, metavar="DURATION", help="How long people are called back.")
]
DEFAULT_PATIENCE: Any = "30s"  # a string, because typer parses defaults too

Command = Callable[..., None]


def with_api(command: Command) -> Command:
    """Give a command the options for the API, and pass it the API as its first argument."""

    @wraps(command, assigned=("__module__", "__name__", "__doc__"), updated=())
    def run(*, api: ApiUrl = "", key_file: KeyFile = None, patience: Patience = DEFAULT_PATIENCE, **given: Any) -> None:
        command(connect(api, key_file, patience), **given)

    return with_parameters(run, [*parameters(command)[1:], *options_of(run)])


def parameters(function: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a function."""
    return list(signature(function, follow_wrapped=False).parameters.values())


def options_of(function: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a function that are options."""
    return [parameter for parameter in parameters(function) if parameter.kind is parameter.KEYWORD_ONLY]


def with_parameters(run: Command, wanted: list[Parameter]) -> Command:
    """Let a function that takes any option show these parameters, because typer reads its signature."""
    vars(run)["__signature__"] = Signature(wanted)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in wanted}
    return run
