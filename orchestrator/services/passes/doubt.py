"""Finding meetings that an unanswered create may have made, by the mark at the end of their titles.

RealtimeKit documents neither how a search matches nor in which order its list comes. So the looks are, in this order:

1. A search for the key. Should it find nothing, that may be due to how it matches.
2. A list of what was created since the doubt began, by `start_time`.
3. The same without `start_time`, which may compare another time than that of the creation.

Whatever is found is compared by the exact ending of its title. Rooms that look at the same time share the lists.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.errors import LeaseLost, RealtimeKitError, TooEarly
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import MeetingRecord
from orchestrator.realtimekit.titles import ends_with_key
from orchestrator.services.deps import Deps


@dataclass(frozen=True)
class Doubt:
    """A meeting that may have been made without our knowing."""

    key: str
    since: datetime
    """When it was made, at the earliest."""
    before_call: Callable[[], None]
    """Raises when the pass that asks must make no further call."""
    priority: Priority = Priority.OPENING


Look = list[MeetingRecord] | RealtimeKitError | LeaseLost
"""What a look has found, or why it could not be taken."""


def find_ours(deps: Deps, doubt: Doubt) -> list[MeetingRecord]:
    """Find living meetings whose title ends in exactly our mark for this key. Raises RealtimeKitError, LeaseLost."""
    search = deps.realtimekit.find_meetings(doubt.key, priority=doubt.priority)
    if hits := _with_mark(deps, doubt, deps.realtimekit.run(search, doubt.before_call)):
        return hits
    look = deps.database.groups.run(_list_all, deps, doubt.priority.name, doubt)
    if isinstance(look, Exception):
        raise look
    return look


def must_have_settled(deps: Deps, in_doubt_since: datetime | None, now: datetime) -> None:
    """Raise TooEarly while no look may show yet a meeting that was created at `in_doubt_since`."""
    if in_doubt_since is None:
        return
    lag = timedelta(seconds=deps.settings.realtimekit_timeout_seconds + deps.settings.search_settle_seconds)
    if now < in_doubt_since + lag:
        wait = (in_doubt_since + lag - now).total_seconds()
        raise TooEarly("an earlier try may have made the meeting; its search has to settle", retry_after=wait)


def _list_all(deps: Deps, _priority: str, doubts: list[Doubt]) -> list[Look]:
    """Look for all of these in one list, and in another if it lacks any. Their number costs no further calls."""
    try:
        found = _list(deps, doubts, by_start_time=True)
        return [*(found if all(found) else _list(deps, doubts, by_start_time=False))]
    except (RealtimeKitError, LeaseLost) as error:
        return [error for _ in doubts]


def _list(deps: Deps, doubts: list[Doubt], *, by_start_time: bool) -> list[list[MeetingRecord]]:
    since = min(doubt.since for doubt in doubts)
    made = deps.realtimekit.meetings_since(since, by_start_time=by_start_time, priority=doubts[0].priority)
    found = deps.realtimekit.run(made, lambda: _one_may_call(doubts))
    return [_with_mark(deps, doubt, found) for doubt in doubts]


def _one_may_call(doubts: Sequence[Doubt]) -> None:
    """Raise what the last of them raises if none may make a call. A list changes nothing, so one is enough."""
    for doubt in doubts:
        try:
            return doubt.before_call()
        except (RealtimeKitError, LeaseLost) as error:
            reason = error
    raise reason


def _with_mark(deps: Deps, doubt: Doubt, found: Sequence[MeetingRecord]) -> list[MeetingRecord]:
    ours = {hit.id: hit for hit in found if ends_with_key(hit.title, deps.install, doubt.key)}
    return list(ours.values())
