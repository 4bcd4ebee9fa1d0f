"""RealtimeKit's clock, as its HTTP answers show it."""

from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx

from orchestrator.realtimekit.sdk import on_this_machine

TIMEOUT_SECONDS = 5.0


def server_time(base_url: str) -> datetime:
    """Return the `Date` of an answer, in whole seconds; needs no token and no quota.

    Raises httpx.HTTPError, or ValueError for an answer without a date.
    """
    answer = httpx.head(base_url, timeout=TIMEOUT_SECONDS, trust_env=not on_this_machine(base_url))
    return parsedate_to_datetime(answer.headers.get("date", ""))
