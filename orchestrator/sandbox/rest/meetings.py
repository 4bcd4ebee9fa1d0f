"""Meetings: create, list, get, replace, update. There is no delete; INACTIVE retires one."""

from orchestrator.sandbox.rest.bodies import MeetingBody, MeetingPatch
from orchestrator.sandbox.rest.calls import Call, listing
from orchestrator.sandbox.world import live
from orchestrator.sandbox.world.answers import JSON, Answer, iso, ok
from orchestrator.sandbox.world.state import Meeting, World, new_id, now


def create(world: World, call: Call) -> Answer:
    """POST /meetings: 201."""
    body = call.parse(MeetingBody)
    moment = now()
    meeting = Meeting(new_id(), body.title, _settings(body), moment, moment)
    world.meetings[meeting.id] = meeting
    return ok(show(meeting), 201)


def find(world: World, call: Call) -> Answer:
    """GET /meetings, newest first, filtered by search, status, start_time and end_time."""
    status, search = call.one_of("status", "ACTIVE", "INACTIVE"), call.first("search")
    since, until = call.moment("start_time"), call.moment("end_time")
    found = [
        meeting
        for meeting in reversed(world.meetings.values())
        if (status is None or meeting.status == status)
        and (since is None or meeting.created_at >= since)
        and (until is None or meeting.created_at <= until)
        and (search is None or _matches(world, meeting, search))
    ]
    return listing(call, world, found, show)


def get(world: World, call: Call) -> Answer:
    """GET /meetings/{id}."""
    return ok(show(world.meeting(call.params["meeting_id"])))


def replace(world: World, call: Call) -> Answer:
    """PUT /meetings/{id}: what is not sent goes back to its default; there is no status in it."""
    meeting = world.meeting(call.params["meeting_id"])
    body = call.parse(MeetingBody)
    meeting.title, meeting.settings, meeting.updated_at = body.title, _settings(body), now()
    return ok(show(meeting))


def update(world: World, call: Call) -> Answer:
    """PATCH /meetings/{id}: only what is sent."""
    meeting = world.meeting(call.params["meeting_id"])
    changes = call.parse(MeetingPatch).model_dump(exclude_unset=True)
    meeting.title = changes.pop("title", meeting.title)
    meeting.status = changes.pop("status", meeting.status)
    meeting.settings |= changes
    meeting.updated_at = now()
    if meeting.status == "INACTIVE" and meeting.session and world.config.switches.inactive_ejects:
        live.end_session(world, meeting.session, "HOST_ENDED_MEETING", "ejected")
    return ok(show(meeting))


def show(meeting: Meeting) -> JSON:
    """A meeting as REST answers it."""
    shown: JSON = {
        "id": meeting.id,
        "title": meeting.title,
        "status": meeting.status,
        "created_at": iso(meeting.created_at),
        "updated_at": iso(meeting.updated_at),
    }
    return shown | meeting.settings


def _settings(body: MeetingBody) -> JSON:
    return body.model_dump(exclude={"title"}, exclude_none=True)


def _matches(world: World, meeting: Meeting, search: str) -> bool:
    if now() < meeting.created_at + world.config.switches.search_lag_seconds:
        return False
    title = meeting.title or ""
    if world.config.switches.search_matches == "exact":
        return search in {meeting.id, title}
    return search.lower() in title.lower() or search.lower() in meeting.id
