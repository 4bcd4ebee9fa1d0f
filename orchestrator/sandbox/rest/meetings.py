"""Meetings over REST: create, list, get, replace, update; they are retired (INACTIVE), never deleted."""

from orchestrator.sandbox.rest import finding
from orchestrator.sandbox.rest.bodies import MeetingBody, MeetingPatch
from orchestrator.sandbox.rest.calls import Call, list_response
from orchestrator.sandbox.rest.responses import Response, ok
from orchestrator.sandbox.world import live
from orchestrator.sandbox.world.state import Meeting, World, new_id, now
from orchestrator.sandbox.world.values import JSON, Refusal, iso


def create(world: World, call: Call) -> Response:
    """POST /meetings: 201."""
    return ok(show(make(world, call.parse(MeetingBody))), 201)


def make(world: World, body: MeetingBody) -> Meeting:
    """Make a meeting."""
    moment = now()
    meeting = Meeting(new_id(), body.title, _settings(body), moment, moment)
    world.meetings[meeting.id] = meeting
    return meeting


def find(world: World, call: Call) -> Response:
    """GET /meetings, filtered by search, status, start_time and end_time."""
    return list_response(call, world, finding.meetings(world, call), show)


def get(world: World, call: Call) -> Response:
    """GET /meetings/{id}."""
    return ok(show(world.meeting(call.params["meeting_id"])))


def replace(world: World, call: Call) -> Response:
    """PUT /meetings/{id}: fields that are not sent return to their defaults; the status stays."""
    meeting = world.meeting(call.params["meeting_id"])
    body = call.parse(MeetingBody)
    meeting.title, meeting.settings, meeting.updated_at = body.title, _settings(body), now()
    return ok(show(meeting))


def update(world: World, call: Call) -> Response:
    """PATCH /meetings/{id}: changes only the fields that are sent."""
    meeting = world.meeting(call.params["meeting_id"])
    changes = call.parse(MeetingPatch).model_dump(exclude_unset=True)
    if changes.get("status") == meeting.status == "INACTIVE" and world.config.switches.retire_retired == "conflict":
        raise Refusal(409, "Meeting is already inactive")
    meeting.title = changes.pop("title", meeting.title)
    status = changes.pop("status", meeting.status)
    meeting.settings |= changes
    set_status(world, meeting, status)
    return ok(show(meeting))


def set_status(world: World, meeting: Meeting, status: str) -> None:
    """Let people join a meeting, or nobody any more; a switch decides whether those who are there must go."""
    meeting.status, meeting.updated_at = status, now()
    if status == "INACTIVE" and meeting.session and world.config.switches.inactive_ejects:
        live.end_session(world, meeting.session, "HOST_ENDED_MEETING", "ejected")


def show(meeting: Meeting) -> JSON:
    """Return the meeting as REST shows it."""
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
