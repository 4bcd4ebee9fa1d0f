"""Parent meetings."""

from fastapi import APIRouter

from orchestrator.api.common import FIRST_LIMIT, OPERATOR, Cursor, DepsHere, Limit, MeetingId, errors
from orchestrator.services import meetings, reports
from schemas.requests import MeetingRequest
from schemas.responses import MeetingResponse, Page

router = APIRouter(prefix="/v1/meetings", tags=["meetings"], dependencies=OPERATOR, responses=errors(401, 403))


@router.post("", status_code=201, responses=errors(413, 422, 503), summary="Create a meeting, or adopt one")
def create(body: MeetingRequest, deps: DepsHere) -> MeetingResponse:
    """Make a meeting at RealtimeKit, or take over the one with `realtimekit_meeting_id` and import its participants.

    Presets are checked at RealtimeKit first. 503: it, or the quota, does not allow it now; nothing was written.
    """
    meeting_id = meetings.create(deps, body)
    with deps.database.reading() as session:
        return reports.meeting(session, meeting_id)


@router.get("", responses=errors(422), summary="List meetings")
def index(deps: DepsHere, limit: Limit = FIRST_LIMIT, cursor: Cursor = None) -> Page[MeetingResponse]:
    """All meetings, the oldest first."""
    with deps.database.reading() as session:
        return reports.meetings(session, limit, cursor)


@router.get("/{meeting_id}", responses=errors(404), summary="Get a meeting")
def get(meeting_id: MeetingId, deps: DepsHere) -> MeetingResponse:
    """One meeting, with how many people are registered and how many are present."""
    with deps.database.reading() as session:
        return reports.meeting(session, meeting_id)
