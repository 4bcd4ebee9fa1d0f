"""Parent meetings."""

from fastapi import APIRouter, Response
from sqlmodel import Session

from orchestrator.api.common import FIRST_LIMIT, OPERATOR, Cursor, DepsHere, Limit, MeetingId, OnceHere
from orchestrator.api.once import rendering, sent
from orchestrator.services.meetings import creating
from orchestrator.services.views import meetings
from schemas.requests import MeetingRequest
from schemas.responses import MeetingResponse, Page

router = APIRouter(prefix="/v1/meetings", tags=["meetings"], dependencies=OPERATOR)


@router.post(
    "",
    status_code=201,
    response_model=MeetingResponse,
    summary="Create a meeting, or adopt one",
)
def create(body: MeetingRequest, doing: OnceHere) -> Response:
    """Make a meeting at RealtimeKit, or take over the one with `realtimekit_meeting_id` and import its participants.

    Presets are checked at RealtimeKit first. 503: it, or the quota, does not allow it now; nothing was written. With an
    `Idempotency-Key` a repeat takes over what a try without an answer has made; its title there ends in a mark of ours.
    """

    def answer(session: Session, meeting_id: str) -> tuple[int, MeetingResponse]:
        return 201, meetings.meeting(session, meeting_id)

    if doing.key is None:
        return doing.once(lambda deps: creating.create(deps, body), answer)
    return sent(creating.create_once(doing.deps, doing.key, body, rendering(answer)))


@router.get("", summary="List meetings")
def index(deps: DepsHere, limit: Limit = FIRST_LIMIT, cursor: Cursor = None) -> Page[MeetingResponse]:
    """All meetings, the oldest first."""
    with deps.database.reading() as session:
        return meetings.meetings(session, limit, cursor)


@router.get("/{meeting_id}", summary="Get a meeting")
def get(meeting_id: MeetingId, deps: DepsHere) -> MeetingResponse:
    """One meeting, with how many people are registered and how many are present."""
    with deps.database.reading() as session:
        return meetings.meeting(session, meeting_id)
