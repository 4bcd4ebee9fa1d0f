"""Finding meetings that an unanswered create may have made, by the mark at the end of their titles."""

from datetime import datetime, timedelta

from orchestrator.errors import TooEarly
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import MeetingRecord
from orchestrator.realtimekit.titles import ends_with_key
from orchestrator.services.deps import Deps


async def find_ours(deps: Deps, key: str, priority: Priority = Priority.OPENING) -> list[MeetingRecord]:
    """Find living meetings whose title ends in exactly our mark for this key: how a search matches is unknown."""
    hits = await deps.realtimekit.find_meetings(key, priority=priority)
    return [hit for hit in hits if ends_with_key(hit.title, deps.install, key)]


def must_have_settled(deps: Deps, in_doubt_since: datetime | None, now: datetime) -> None:
    """Raise TooEarly while a search may not yet show a meeting that was created at `in_doubt_since`."""
    if in_doubt_since is None:
        return
    lag = timedelta(seconds=deps.settings.realtimekit_timeout_seconds + deps.settings.search_settle_seconds)
    if now < in_doubt_since + lag:
        wait = (in_doubt_since + lag - now).total_seconds()
        raise TooEarly("an earlier try may have made the meeting; its search has to settle", retry_after=wait)
