"""RealtimeKit's clock, as far as HTTP tells."""

from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx

from orchestrator.realtimekit.sdk import on_this_machine

SECONDS = 5.0


def server_time(base_url: str) -> datetime:
    """The `Date` of any answer, in whole seconds; it takes no token and no quota.

    Raises httpx.HTTPError, or ValueError for an answer without a time.
    """
    answer = httpx.head(base_url, timeout=SECONDS, trust_env=not on_this_machine(base_url))
    return parsedate_to_datetime(answer.headers.get("date", ""))
