"""Values that all parts of the sandbox use: JSON objects, times as RealtimeKit writes them, and refusals."""

from datetime import UTC, datetime
from typing import Any

JSON = dict[str, Any]


class Refusal(Exception):
    """RealtimeKit refuses a call, with an HTTP status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def iso(moment: float) -> str:
    """Write seconds since the epoch as RealtimeKit writes times."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_or_none(moment: float | None) -> str | None:
    """Write a time that may not have come yet."""
    return None if moment is None else iso(moment)
