"""What an HTTP answer of RealtimeKit means: its data, or one of our errors with RealtimeKit's own words.

Two envelopes exist: RealtimeKit's `{"success": false, "error": {"code", "message"}}`, also with HTTP 200, and that of
Cloudflare's gateway, `{"success": false, "errors": [{"code", "message"}]}` (bad token, unknown route, 429).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from orchestrator.errors import Conflict, NotFound, OutcomeUnknown, OutOfQuota, RealtimeKitError, Refused

BLOCKED_SECONDS = 30.0
"""How long we stay away after a 429 that does not say; Cloudflare documents `retry-after` on every 429."""

Answer = dict[str, Any]


def read(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """The body of a successful answer; otherwise the RealtimeKitError that fits it."""
    body = _object(content)
    if not 200 <= status < 300:
        raise _error(status, headers, _message(body) or f"HTTP {status}")
    if body is None:
        raise OutcomeUnknown("garbled answer: not a JSON object", status=status)
    if body.get("success") is False:
        raise _error(_code(body), headers, _message(body) or "success: false without a message")
    return body


def mapping(answer: Answer, *path: str) -> dict[str, Any]:
    """The object at `path`; OutcomeUnknown when something else is there."""
    value = _at(answer, path)
    if not isinstance(value, dict):
        raise OutcomeUnknown(f"garbled answer: no {'.'.join(path)}")
    return value


def listing(answer: Answer, *path: str) -> list[dict[str, Any]]:
    """The list of objects at `path`; OutcomeUnknown when something else is there (`data: {}` has been seen)."""
    value = _at(answer, path)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise OutcomeUnknown(f"garbled answer: {'.'.join(path)} is not a list")
    return value


def _at(answer: Answer, path: tuple[str, ...]) -> Any:
    value: Any = answer
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _object(content: bytes) -> Answer | None:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _message(body: Answer | None) -> str | None:
    if body is None:
        return None
    errors = body.get("errors")
    found = [body.get("error"), *(errors if isinstance(errors, list) else [])]
    words = [str(each["message"]) for each in found if isinstance(each, dict) and each.get("message")]
    return "; ".join(words) or None


def _code(body: Answer) -> int:
    """The HTTP status that an envelope sent with HTTP 200 carries; 0 when it carries none."""
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 0


def _error(status: int, headers: Mapping[str, str], message: str) -> RealtimeKitError:
    if status == 429:
        return OutOfQuota(message, status=status, retry_after=_retry_after(headers))
    if status == 404:
        return NotFound(message, status=status)
    if status == 409:
        return Conflict(message, status=status)
    if 300 <= status < 500 and status != 408:
        return Refused(message, status=status)
    return OutcomeUnknown(message, status=status or None)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to stay away; the header is a number of seconds or, in HTTP generally, a date."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return BLOCKED_SECONDS
