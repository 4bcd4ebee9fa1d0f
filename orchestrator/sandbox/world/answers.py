"""Envelopes and errors, as RealtimeKit and the Cloudflare gateway in front of it write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body (sent as JSON unless it is bytes), and headers beyond the usual."""

    status: int
    body: Any
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refusal(Exception):
    """RealtimeKit itself says no: `{"success": false, "error": {code, message}}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def answer(self) -> Answer:
        """The envelope of RealtimeKit's errors; `code` is the HTTP status."""
        return Answer(self.status, {"success": False, "error": {"code": self.status, "message": self.message}})


def ok(data: Any, status: int = 200) -> Answer:
    """RealtimeKit's envelope of success."""
    return Answer(status, {"success": True, "data": data})


def gateway_error(status: int, code: int, message: str, retry_after: float | None = None) -> Answer:
    """The Cloudflare v4 envelope: bad tokens, unknown routes and 429 never reach RealtimeKit."""
    body = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    if retry_after is None:
        return Answer(status, body)
    return Answer(status, body, ((b"retry-after", str(max(0, round(retry_after + 0.499))).encode()),))


def page(items: Sequence[Any], number: int, size: int) -> tuple[Sequence[Any], JSON]:
    """Page `number` (from 1; 0 counts as 1) and its `paging` object, offsets counted from 1."""
    start = (max(number, 1) - 1) * size
    chosen = items[start : start + size]
    first = start + 1 if chosen else min(start, len(items))
    return chosen, {"total_count": len(items), "start_offset": first, "end_offset": min(start + size, len(items))}


def iso(moment: float) -> str:
    """Seconds since the epoch, as RealtimeKit writes times."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_or_none(moment: float | None) -> str | None:
    """The same for what may not have happened yet."""
    return None if moment is None else iso(moment)
