"""The HTTP API as a terminal uses it: patient with an API that is away, exact about what was refused.

What is asked for is repeated while the API can't be reached, answers 5xx, or says when to come back, for as long as
`patience` says; a call that must not happen twice only when it has certainly not happened.
"""

import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import ValidationError

from orchestrator.cli.failures import Unusable
from orchestrator.runtime.ports import LOOPBACKS
from schemas.responses import BreakoutResponse

JSON = dict[str, Any]

CALL_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
SAME_CLOCK = timedelta(seconds=2)
"""An answer's `Date` has whole seconds only, and takes its time to come."""
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout)


class ApiRefused(Unusable):
    """The API will not do it (4xx)."""

    exit_code: ClassVar[int] = 3


class ApiAway(Unusable):
    """The API can't be reached, or has trouble of its own (5xx), beyond our patience."""

    exit_code: ClassVar[int] = 4


class Unanswered(ApiAway):
    """The same of something that must not happen twice, and may have happened."""


@dataclass(frozen=True)
class Access:
    """Where the API is, and who we are; `key_from` says where the key stands."""

    url: str
    key: str = field(repr=False)
    key_from: str
    patience_seconds: float


@dataclass(frozen=True)
class Trouble:
    """Why there is no answer yet."""

    words: str
    nothing_happened: bool
    retry_after: float | None = None


class Api:
    """The API with an operator's (or, for looking, a viewer's) key."""

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
        """The API's time: its answers are about that, whatever this machine's clock says."""
        return datetime.now(UTC) + self._ahead

    def get(self, path: str) -> JSON:
        """GET, as often as it takes."""
        return self.call("GET", path)

    def call(
        self, method: str, path: str, body: Any = None, *, once: bool = False, headers: dict[str, str] | None = None
    ) -> JSON:
        """The body of a good answer; `once` says that the call must not happen twice.

        Raises ApiRefused, ApiAway, and for `once` Unanswered.
        """
        give_up, pause = time.monotonic() + self._access.patience_seconds, FIRST_PAUSE_SECONDS
        while True:
            found = self._try(method, path, body, headers)
            if not isinstance(found, Trouble):
                return found
            if once and not found.nothing_happened:
                raise Unanswered(f"{found.words}; whether it was done can't be told")
            wait = pause if found.retry_after is None else found.retry_after
            if time.monotonic() + wait > give_up:
                raise ApiAway(found.words)
            tell(f"{found.words}; trying again in {wait:g} s")
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _try(self, method: str, path: str, body: Any, headers: dict[str, str] | None) -> JSON | Trouble:
        try:
            answer = self.http.request(method, path, json=body, headers=headers)
        except httpx.RequestError as error:
            words = f"{self._access.url} does not answer: {str(error) or type(error).__name__}"
            return Trouble(words, isinstance(error, NOTHING_SENT))
        self._set_clock(answer)
        if answer.status_code >= 500 or answer.status_code == 429:
            after = _retry_after(answer)
            said = f"{self._access.url} answers {answer.status_code}: {_detail(answer)}"
            return Trouble(said, nothing_happened=answer.status_code in (429, 503), retry_after=after)
        if not answer.is_success:
            raise ApiRefused(self._refusal(answer))
        return _object(answer)

    def _refusal(self, answer: httpx.Response) -> str:
        words = _detail(answer)
        if answer.status_code in (401, 403):
            return f"{words} (the key comes from {self._access.key_from})"
        return words

    def _set_clock(self, answer: httpx.Response) -> None:
        try:
            ahead = parsedate_to_datetime(answer.headers.get("date", "")) - datetime.now(UTC)
        except (ValueError, TypeError):
            return
        self._ahead = ahead if abs(ahead) > SAME_CLOCK else timedelta()


def breakout_path(breakout_id: str, *more: str) -> str:
    """The path of a breakout, or of something under it."""
    return "/v1/breakouts/" + "/".join(quote(part, safe="") for part in (breakout_id, *more))


def as_breakout(body: JSON) -> BreakoutResponse:
    """B from an answer. Raises ApiAway when it is not one."""
    try:
        return BreakoutResponse.model_validate(body)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, one["loc"])) for one in error.errors()[:3])
        raise ApiAway(f"the API answers with something else than a breakout: {where}") from None


def tell(words: str) -> None:
    """Say something that is no data."""
    sys.stderr.write(f"breakouts: {words}\n")


def _object(answer: httpx.Response) -> JSON:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiAway(f"{answer.url} answers {answer.status_code} without JSON: is that the API?")
    return body


def _detail(answer: httpx.Response) -> str:
    """A problem's detail, with what 409 and 422 say beside it."""
    try:
        body = _object(answer)
    except ApiAway:
        return f"HTTP {answer.status_code} {answer.reason_phrase}".strip()
    lines = [str(body.get("detail") or f"HTTP {answer.status_code}")]
    if isinstance(body.get("allowed"), list):
        lines.append(f"allowed: {', '.join(map(str, body['allowed'])) or 'nothing'}")
    errors = body.get("errors")
    if isinstance(errors, list) and len(errors) > 1:
        lines += [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors]
    return "\n  ".join(lines)


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds, where the answer says when to come back."""
    try:
        return max(0.0, float(answer.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
