"""HTTP responses and their envelopes, as RealtimeKit and the Cloudflare gateway in front of it write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.sandbox.world.values import JSON, Refusal


@dataclass(frozen=True, slots=True)
class Response:
    """A status, a body (sent as JSON unless it is bytes), and headers beyond the usual ones."""

    status: int
    body: Any
    headers: tuple[tuple[bytes, bytes], ...] = ()


def ok(data: Any, status: int = 200) -> Response:
    """Return `data` in RealtimeKit's envelope of success."""
    return Response(status, {"success": True, "data": data})


def refused(refusal: Refusal) -> Response:
    """Return RealtimeKit's error envelope; its `code` is the HTTP status."""
    error = {"code": refusal.status, "message": refusal.message}
    return Response(refusal.status, {"success": False, "error": error})


def gateway_error(status: int, code: int, message: str, retry_after: float | None = None) -> Response:
    """Return the gateway's envelope; bad tokens, unknown routes and 429 never reach RealtimeKit."""
    body = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    if retry_after is None:
        return Response(status, body)
    return Response(status, body, ((b"retry-after", str(max(0, round(retry_after + 0.499))).encode()),))


def page(items: Sequence[Any], number: int, size: int) -> tuple[Sequence[Any], JSON]:
    """Return page `number` (from 1) and its `paging` object, whose offsets count from 1."""
    start = (number - 1) * size
    chosen = items[start : start + size]
    first = start + 1 if chosen else min(start, len(items))
    return chosen, {"total_count": len(items), "start_offset": first, "end_offset": min(start + size, len(items))}
