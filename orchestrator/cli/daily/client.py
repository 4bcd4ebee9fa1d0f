"""The HTTP API as the terminal calls it.

A call is repeated while the API can't be reached or answers 5xx or 429, for as long as `patience_seconds`. A call that
must not happen twice is repeated only if it has certainly not happened.
"""

import secrets
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
from pydantic import ValidationError

from orchestrator.errors import Unusable
from orchestrator.runtime.ports import LOOPBACKS
from schemas.responses import BreakoutResponse

JSON = dict[str, Any]

CALL_SECONDS = 20.0
CSV = "text/csv"
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 5.0
CLOCK_TOLERANCE = timedelta(seconds=2)
"""Smaller differences are ignored: an answer's `Date` has whole seconds, and the answer takes time to arrive."""
CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout)


class ApiRefused(Unusable):
    """The API refused the request (4xx)."""

    exit_code: ClassVar[int] = 3


class ApiUnavailable(Unusable):
    """The API could not be reached, or answered 5xx, for longer than `patience_seconds`."""

    exit_code: ClassVar[int] = 4


class Unanswered(ApiUnavailable):
    """No answer to a call that must not happen twice; it may have happened."""


@dataclass(frozen=True)
class Access:
    """The API's address and our key; `key_from` says where the key was found."""

    url: str
    key: str = field(repr=False)
    key_from: str
    patience_seconds: float


@dataclass(frozen=True)
class NoAnswer:
    """Why a call got no usable answer."""

    reason: str
    nothing_happened: bool
    retry_after: float | None = None


class Api:
    """The API with one key."""

    def __init__(self, access: Access) -> None:
        self._access = access
        encrypted = access.url.startswith("https")
        self.http = httpx.Client(
            base_url=access.url,
            headers={"Authorization": f"Bearer {access.key}"},
            timeout=CALL_SECONDS,
            trust_env=urlsplit(access.url).hostname not in LOOPBACKS,
            verify=encrypted,  # loading certificates takes longer than most calls
        )
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the API's time, because the times in its answers are by its clock and not by this machine's."""
        return datetime.now(UTC) + self._ahead

    def get(self, path: str) -> JSON:
        """GET a path. Raises ApiRefused and ApiUnavailable."""
        return self.call("GET", path)

    def call(
        self, method: str, path: str, body: Any = None, *, once: bool = False, headers: dict[str, str] | None = None
    ) -> JSON:
        """Call the API and return the body of a successful answer; an empty one is `{}`, and CSV is under CSV.

        A body of bytes is sent as CSV.
        `once` says that the call must not happen twice. Raises ApiRefused, ApiUnavailable, and for `once` Unanswered.
        """
        give_up, pause = time.monotonic() + self._access.patience_seconds, FIRST_PAUSE_SECONDS
        while True:
            found = self._try(method, path, body, headers)
            if not isinstance(found, NoAnswer):
                return found
            if once and not found.nothing_happened:
                raise Unanswered(f"{found.reason}; whether it was done can't be told")
            wait = pause if found.retry_after is None else found.retry_after
            if time.monotonic() + wait > give_up:
                raise ApiUnavailable(found.reason)
            note(f"{found.reason}; trying again in {wait:g} s")
            time.sleep(wait)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    def _try(self, method: str, path: str, body: Any, headers: dict[str, str] | None) -> JSON | NoAnswer:
        try:
            answer = self.http.request(method, path, **_sent(body, headers or {}))
        except httpx.RequestError as error:
            reason = f"{self._access.url} does not answer: {str(error) or type(error).__name__}"
            return NoAnswer(reason, isinstance(error, CONNECT_ERRORS))
        self._set_clock(answer)
        if answer.status_code >= 500 or answer.status_code == 429:
            reason = f"{self._access.url} answers {answer.status_code}: {_detail(answer)}"
            not_done = answer.status_code in (429, 503)
            return NoAnswer(reason, nothing_happened=not_done, retry_after=_retry_after(answer))
        if not answer.is_success:
            raise ApiRefused(self._refusal(answer))
        return _object(answer)

    def _refusal(self, answer: httpx.Response) -> str:
        detail = _detail(answer)
        if answer.status_code in (401, 403):
            return f"{detail} (the key comes from {self._access.key_from})"
        return detail

    def _set_clock(self, answer: httpx.Response) -> None:
        try:
            ahead = parsedate_to_datetime(answer.headers.get("date", "")) - datetime.now(UTC)
        except (ValueError, TypeError):
            return
        self._ahead = ahead if abs(ahead) > CLOCK_TOLERANCE else timedelta()


def create_once(api: Api, path: str, body: Any = None, **query: str) -> JSON:
    """POST once, however often the network fails. Raises ApiRefused and ApiUnavailable."""
    path += f"?{urlencode(query)}" if query else ""
    return api.call("POST", path, body, headers={"Idempotency-Key": secrets.token_urlsafe(24)})


def breakout_path(breakout_id: str, *more: str) -> str:
    """Return the path of a breakout, or of something below it."""
    return _path("breakouts", breakout_id, *more)


def meeting_path(meeting_id: str, *more: str) -> str:
    """Return the path of a meeting, or of something below it."""
    return _path("meetings", meeting_id, *more)


def endpoint_path(*more: str) -> str:
    """Return the path of the webhook endpoints, of one, or of something below it."""
    return _path("webhook-endpoints", *more)


def all_of(api: Api, path: str, **query: str) -> list[JSON]:
    """Return every item of a list, page by page. Raises ApiRefused and ApiUnavailable."""
    found, cursor = list[JSON](), ""
    while True:
        page = api.get(f"{path}?{urlencode(query | {'limit': '200'} | ({'cursor': cursor} if cursor else {}))}")
        found += page["items"]
        if not (cursor := page["next_cursor"] or ""):
            return found


def _path(*parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def as_breakout(body: JSON) -> BreakoutResponse:
    """Parse a breakout. Raises ApiUnavailable for any other body."""
    try:
        return BreakoutResponse.model_validate(body)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, one["loc"])) for one in error.errors()[:3])
        raise ApiUnavailable(f"the API answers with something else than a breakout: {where}") from None


def note(text: str) -> None:
    """Print something that is not data, so to stderr."""
    sys.stderr.write(f"breakouts: {text}\n")


def _sent(body: Any, headers: dict[str, str]) -> dict[str, Any]:
    if isinstance(body, bytes):
        return {"content": body, "headers": headers | {"Content-Type": CSV}}
    return {"json": body, "headers": headers}


def _object(answer: httpx.Response) -> JSON:
    if answer.is_success and not answer.content:
        return {}
    if answer.headers.get("content-type", "").startswith(CSV):
        return {CSV: answer.text}
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiUnavailable(f"{answer.url} answers {answer.status_code} without JSON: is that the API?")
    return body


def _detail(answer: httpx.Response) -> str:
    """Return a problem's detail, with the `allowed` of a 409 and the `errors` of a 422."""
    try:
        body = _object(answer)
    except ApiUnavailable:
        return f"HTTP {answer.status_code} {answer.reason_phrase}".strip()
    lines = [str(body.get("detail") or f"HTTP {answer.status_code}")]
    if isinstance(body.get("allowed"), list):
        lines.append(f"allowed: {', '.join(map(str, body['allowed'])) or 'nothing'}")
    errors = body.get("errors")
    if isinstance(errors, list) and len(errors) > 1:
        lines += [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors]
    return "\n  ".join(lines)


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds of `Retry-After`, or None without a valid one."""
    try:
        return max(0.0, float(answer.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
