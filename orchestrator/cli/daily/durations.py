"""Durations and times as people type them."""

import re
from datetime import datetime

import typer

PARTS = re.compile(r"(?P<plain>\d+)|(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")
NEVER = "never"
FORMS = "say 90, 90s, 15m, 1h or 1h30m"


def seconds(text: str) -> int:
    """Parse `90`, `90s`, `15m`, `1h` or `1h30m` into seconds. Raises BadParameter."""
    found = PARTS.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise typer.BadParameter(f"{text!r} is no duration: {FORMS}")
    plain, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return plain + 3600 * hours + 60 * minutes + rest


def signed_seconds(text: str) -> int:
    """Parse a duration with an optional sign into seconds. Raises BadParameter."""
    sign = -1 if text.startswith("-") else 1
    return sign * seconds(text.removeprefix("-" if sign < 0 else "+"))


def end(text: str) -> str | None:
    """Parse a time, or `never` into None. Raises BadParameter."""
    return None if text == NEVER else _time(text, NEVER)


def start(text: str) -> str:
    """Parse `now`, `manual` or a time; the terminal's time zone applies to a time without one. Raises BadParameter."""
    if text in ("now", "manual"):
        return text
    return _time(text, "now, manual")


def _time(text: str, others: str) -> str:
    try:
        return datetime.fromisoformat(text.upper()).astimezone().isoformat()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: say {others}, or 2026-05-01T14:30") from None
