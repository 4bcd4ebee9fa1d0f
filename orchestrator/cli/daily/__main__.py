"""`python -m orchestrator.cli.daily`: the daily words of `breakouts`."""

from collections.abc import Mapping

import typer

from orchestrator.cli.daily import endpoints, live, logs, meetings, people, plans, rooms, sheets
from orchestrator.cli.daily.options import EXIT_CODES, Command, with_api
from orchestrator.cli.daily.summaries import SUMMARIES
from orchestrator.cli.failures import errors_as_messages

COMMANDS: Mapping[str, Command] = {
    "open": plans.open_,
    "plan": plans.plan,
    "rounds": plans.rounds,
    "import": sheets.import_,
    "export": sheets.export,
    "attendance": sheets.attendance,
    "change": plans.change,
    "shuffle": plans.shuffle,
    "prepare": plans.prepare,
    "start": plans.start,
    "cancel": plans.cancel,
    "list": live.index,
    "watch": live.watch,
    "extend": live.extend,
    "until": live.until,
    "pause": live.pause,
    "resume": live.resume,
    "move": live.move,
    "rebalance": live.rebalance,
    "broadcast": live.broadcast,
    "poll": live.poll,
    "recordings": live.recordings,
    "help": live.help_,
    "resolve": live.resolve,
    "close": live.close,
    "report": live.report,
    "log": logs.log,
}
GROUPS: Mapping[str, Mapping[str, Command]] = {
    "rooms": rooms.COMMANDS,
    "meetings": meetings.COMMANDS,
    "people": people.COMMANDS,
    "endpoints": endpoints.COMMANDS,
}
SIGNED = {"ignore_unknown_options": True}
"""So that -5m is an argument."""


def _group(commands: Mapping[str, Command], summary: str) -> typer.Typer:
    app = typer.Typer(
        help=summary, epilog=EXIT_CODES, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    for word, command in commands.items():
        settings = SIGNED if word == "extend" else None
        app.command(word, epilog=EXIT_CODES, context_settings=settings)(with_api(command))
    return app


app = _group(COMMANDS, "Breakouts through the API. Data goes to stdout, everything else to stderr.")
for group, commands in GROUPS.items():
    app.add_typer(_group(commands, SUMMARIES[group][1]), name=group)


def main() -> None:
    """Run a daily word of `breakouts`."""
    with errors_as_messages():
        app(prog_name="breakouts")


if __name__ == "__main__":
    main()
