"""`python -m orchestrator.cli.presets`: make presets at RealtimeKit that fit breakouts."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator.cli.failures import errors_as_messages
from orchestrator.cli.output import write_json
from orchestrator.cli.parts import opened
from orchestrator.log import configure
from orchestrator.process_settings import Process, read
from orchestrator.services.meetings.presets import Ensured, ensure
from schemas.requests import MeetingRequest
from schemas.states import Role

HOST, PARTICIPANT = (str(MeetingRequest.model_fields[name].default) for name in ("host_preset", "participant_preset"))

app = typer.Typer(
    name="breakouts presets",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def presets() -> None:
    """Make presets that fit breakouts."""


@app.command()
def create(
    *,
    host: Annotated[str, typer.Option(help="The name of the preset for hosts.")] = HOST,
    participant: Annotated[str, typer.Option(help="The name of the preset for everybody else.")] = PARTICIPANT,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Make those two that RealtimeKit lacks, and check both; exit with 1 if one does not fit. None is changed."""
    with errors_as_messages():
        settings = read(Process.PRESETS)
        configure(settings.log_level, settings.log_json)
        with opened(settings) as deps:
            found = ensure(deps, {Role.HOST: host, Role.PARTICIPANT: participant})
    if json:
        write_json([asdict(preset) for preset in found])
    else:
        sys.stdout.writelines(f"{_sentence(preset)}\n" for preset in found)
    raise typer.Exit(1 if any(preset.faults for preset in found) else 0)


def _sentence(preset: Ensured) -> str:
    said = f"{preset.name} ({preset.role}) {'was made' if preset.made else 'was there before'}"
    return f"{said}; {'; '.join(preset.faults)}" if preset.faults else said


def main() -> None:
    """Run `breakouts presets`."""
    app(prog_name="breakouts presets")


if __name__ == "__main__":
    main()
