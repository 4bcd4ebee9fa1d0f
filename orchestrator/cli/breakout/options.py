"""What the commands share: options for the API and for the output, and the exit codes."""

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.breakout import durations
from orchestrator.cli.breakout.access import connect

EXIT_CODES = (
    "Exit codes: 0 done; 1 ended badly (a room or recording failed, somebody was lost, there were problems, or it "
    "never opened); 2 wrong usage or settings; 3 refused by the API; 4 the API can't be reached, or has trouble of its "
    "own."
)

BreakoutId = Annotated[str, typer.Argument(metavar="BREAKOUT_ID", show_default=False)]
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


def with_api(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options for the API, and pass it the API as its first argument."""

    @wraps(command, assigned=("__module__", "__name__", "__doc__"))
    def run(*, api: ApiUrl = "", key_file: KeyFile = None, patience: Patience = DEFAULT_PATIENCE, **given: Any) -> None:
        command(connect(api, key_file, patience), **given)

    own = list(signature(command).parameters.values())[1:]
    added = list(signature(run, follow_wrapped=False).parameters.values())[:-1]
    vars(run)["__signature__"] = Signature([*own, *added])
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}
    return run
