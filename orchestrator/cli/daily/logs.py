"""What has happened in a breakout, and who did it."""

from orchestrator.cli.daily.client import JSON, Api, all_of, breakout_path
from orchestrator.cli.daily.options import AsJson, BreakoutId
from orchestrator.cli.daily.output import rows

COLUMNS = ("at", "actor", "type", "what")


def log(api: Api, breakout_id: BreakoutId, *, json: AsJson = False) -> None:
    """Show everything that has happened in a breakout: when, who did it, and what."""
    found = all_of(api, breakout_path(breakout_id, "log"))
    rows(found if json else [event | {"what": _words(event["data"])} for event in found], COLUMNS, json=json)


def _words(data: JSON) -> str:
    """Return what an event says in one line, without what it leaves open."""
    return " ".join(f"{name}={value}" for name, value in data.items() if value is not None)
