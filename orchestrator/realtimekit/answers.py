"""Reads HTTP answers of RealtimeKit: their data, or one of our errors with RealtimeKit's own words.

There are two error envelopes. RealtimeKit's, which may come with HTTP 200, is
`{"success": false, "error": {"code", "message"}}`. Cloudflare's gateway (bad token, unknown route, 429) answers
`{"success": false, "errors": [{"code", "message"}]}`.
"""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from orchestrator.errors import Conflict, NotFound, OutcomeUnknown, OutOfQuota, RealtimeKitError, Refused
from orchestrator.runtime.clock import host_time

DEFAULT_RETRY_AFTER_SECONDS = 30.0
"""For a 429 without a usable `retry-after`, although Cloudflare documents the header on every 429."""

Body = dict[str, Any]


def read(status: int, headers: Mapping[str, str], content: bytes) -> Body:
    """Return the body of a successful answer; raise the RealtimeKitError that fits any other."""
    body = _object(content)
    if not 200 <= status < 300:
        raise _error(status, headers, _message(body) or f"HTTP {status}")
    if body is None:
        raise OutcomeUnknown("garbled answer: not a JSON object", status=status)
    if body.get("success") is False:
        raise _error(_code(body), headers, _message(body) or "success: false without a message")
    return body


def object_at(body: Body, *path: str) -> dict[str, Any]:
    """Return the object at `path`; OutcomeUnknown when something else is there."""
    value = _value_at(body, path)
    if not isinstance(value, dict):
        raise OutcomeUnknown(f"garbled answer: no {'.'.join(path)}")
    return value


def list_at(body: Body, *path: str) -> list[dict[str, Any]]:
    """Return the list of objects at `path`; OutcomeUnknown when something else is there (`data: {}` has been seen)."""
    value = _value_at(body, path)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise OutcomeUnknown(f"garbled answer: {'.'.join(path)} is not a list")
    return value


def _value_at(body: Body, path: tuple[str, ...]) -> Any:
    value: Any = body
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _object(content: bytes) -> Body | None:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _message(body: Body | None) -> str | None:
    if body is None:
        return None
    errors = body.get("errors")
    found = [body.get("error"), *(errors if isinstance(errors, list) else [])]
    messages = [str(each["message"]) for each in found if isinstance(each, dict) and each.get("message")]
    return "; ".join(messages) or None


def _code(body: Body) -> int:
    """Return the HTTP status in an error envelope that came with HTTP 200; 0 when there is none."""
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
    """Return the seconds to stay away; HTTP allows a number of seconds or a date in the header."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - host_time()).total_seconds())
    except (ValueError, TypeError):
        return DEFAULT_RETRY_AFTER_SECONDS
