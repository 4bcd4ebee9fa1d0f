"""Which meetings `GET /meetings` gives, and in which order: most of it is undocumented, so switches decide."""

import re

from orchestrator.sandbox.rest.calls import Call
from orchestrator.sandbox.world.state import Meeting, World, now


def meetings(world: World, call: Call) -> list[Meeting]:
    """Return the meetings that pass `search`, `status`, `start_time` and `end_time`."""
    status, search = call.one_of("status", "ACTIVE", "INACTIVE"), call.first("search")
    since, until = call.moment("start_time"), call.moment("end_time")
    found = [
        meeting
        for meeting in world.meetings.values()
        if (status is None or meeting.status == status)
        and _in_time(world, meeting, since, until)
        and _shows(world, meeting, search)
    ]
    return _ordered(world, found)


def _shows(world: World, meeting: Meeting, search: str | None) -> bool:
    switches = world.config.switches
    lag = switches.list_lag_seconds if search is None else switches.search_lag_seconds
    if now() < meeting.created_at + lag:
        return False
    return search is None or _matches(world, meeting, search)


def _matches(world: World, meeting: Meeting, search: str) -> bool:
    title = meeting.title or ""
    match world.config.switches.search_matches:
        case "substring":
            return search.lower() in title.lower() or search.lower() in meeting.id
        case "exact":
            return search in {meeting.id, title}
        case "prefix":
            return title.startswith(search) or meeting.id.startswith(search)
        case "words":
            return set(_words(search)) <= {*_words(title), meeting.id}
        case "nothing":
            return False
    return True


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _in_time(world: World, meeting: Meeting, since: float | None, until: float | None) -> bool:
    if world.config.switches.start_time_compares == "nothing" or (since is None and until is None):
        return True
    moment = _compared(world, meeting)
    return moment is not None and (since is None or moment >= since) and (until is None or moment <= until)


def _compared(world: World, meeting: Meeting) -> float | None:
    """Return the time of the meeting that the query's times are compared with, if it has one."""
    match world.config.switches.start_time_compares:
        case "updated_at":
            return meeting.updated_at
        case "session":
            return meeting.session.started_at if meeting.session else None
    return meeting.created_at


def _ordered(world: World, found: list[Meeting]) -> list[Meeting]:
    match world.config.switches.meetings_order:
        case "oldest_first":
            return found
        case "by_title":
            return sorted(found, key=lambda meeting: (meeting.title or "", meeting.id))
    return found[::-1]
