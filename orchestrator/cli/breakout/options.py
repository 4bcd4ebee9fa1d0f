"""What the commands have in common: where the API is, how answers are given, and what the exit codes mean."""

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.breakout import durations

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
PATIENCE: Any = "30s"  # as on the command line: typer parses defaults too
