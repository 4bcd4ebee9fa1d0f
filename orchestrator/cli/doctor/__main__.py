"""`python -m orchestrator.cli.doctor`: run all checks and print their verdicts."""

import json as jsons
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from orchestrator.cli.doctor import broker, database, deployment, postgresql, presets, realtimekit
from orchestrator.cli.doctor.checks import Status, Verdict, run
from orchestrator.cli.doctor.parts import Parts
from orchestrator.cli.failures import errors_as_messages
from orchestrator.log import configure

CHECKS = (
    *deployment.CHECKS,
    *database.CHECKS,
    *postgresql.CHECKS,
    *broker.CHECKS,
    *realtimekit.CHECKS,
    *presets.CHECKS,
)
STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "bold red"}
NAME_WIDTH = max(len(check.name) for check in CHECKS)

Found = Iterator[tuple[str, Verdict]]


def doctor(as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False) -> None:
    """Check everything that a deployment stands on, and say what to do about it.

    Changes nothing, and shows no secret. Exit codes: 0 nothing failed (there may be warnings); 1 something failed; 2
    wrong usage.
    """
    configure("CRITICAL", json_lines=False)  # a check reports what libraries would log
    found = run(CHECKS, Parts())
    verdicts = _as_json(found) if as_json else _as_lines(found)
    raise typer.Exit(1 if any(verdict.status is Status.FAILED for verdict in verdicts) else 0)


def _as_lines(found: Found) -> list[Verdict]:
    console, verdicts = Console(highlight=False), []
    for name, verdict in found:
        advice = (f" → {verdict.advice}", "dim") if verdict.advice else ""
        line = Text.assemble((f"{verdict.status:8}", STYLES[verdict.status]), f"{name:{NAME_WIDTH}}  ", verdict.detail)
        console.print(line.append_text(Text.assemble(advice)), soft_wrap=True)
        verdicts.append(verdict)
    counts = {status: sum(verdict.status is status for verdict in verdicts) for status in Status}
    console.print(", ".join(f"{count} {status}" for status, count in counts.items() if count))
    return verdicts


def _as_json(found: Found) -> list[Verdict]:
    named = list(found)
    checks = [
        {"name": name, "status": verdict.status, "detail": verdict.detail, "advice": verdict.advice}
        for name, verdict in named
    ]
    all_well = not any(verdict.status is Status.FAILED for _, verdict in named)
    sys.stdout.write(jsons.dumps({"ok": all_well, "checks": checks}) + "\n")
    return [verdict for _, verdict in named]


if __name__ == "__main__":
    with errors_as_messages():
        typer.run(doctor)
