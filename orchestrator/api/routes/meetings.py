"""Parent meetings."""

from typing import Annotated

from fastapi import Query, Request, Response
from sqlmodel import Session
from starlette.responses import StreamingResponse

from orchestrator.api import door
from orchestrator.api.auth import SCOPE_CALLER
from orchestrator.api.idempotency import Idempotent, rendering, to_response
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import errors
from orchestrator.api.parameters import DepsHere, MeetingId, PageHere
from orchestrator.api.streams.meeting_stream import open_meeting_stream
from orchestrator.api.streams.streaming import LiveStream, stream_of
from orchestrator.api.versions import ChangeHere, tagged
from orchestrator.services.meetings import changing, creating, deleting, presets
from orchestrator.services.views import meetings
from orchestrator.services.webhooks import delivering
from schemas.requests import MeetingChange, MeetingRequest
from schemas.responses import MeetingResponse, Page

router = door.router("/v1/meetings", "meetings", OPERATOR)

STREAM = stream_of(
    "`meeting.participant` (P+: registered, changed, or seen somewhere else), `meeting.participant_removed "
    "{custom_participant_id}`, `meeting.changed {fields}`, `meeting.breakout {id, state}` (made, or another state).",
    'event: meeting.breakout\ndata: {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "state": "open"}\n\n',
)


@router.post(
    "",
    status_code=201,
    response_model=MeetingResponse,
    responses=errors(409),
    summary="Create a meeting, or adopt one",
)
def create_meeting(body: MeetingRequest, idempotent: Idempotent) -> Response:
    """Make a meeting at RealtimeKit, or take over the one with `realtimekit_meeting_id` and import its participants.

    Presets are checked at RealtimeKit first. 409: the meeting to adopt is INACTIVE there. 503: it, or the quota, does
    not allow it now; nothing was written. With an `Idempotency-Key` a repeat takes over what a try without an answer
    has made; its title there ends in a mark of ours.
    """

    def build(session: Session, meeting_id: str) -> tuple[int, MeetingResponse]:
        return 201, meetings.meeting(session, meeting_id)

    if idempotent.key is None:
        return idempotent.run(lambda deps: creating.create(deps, body), build)
    return to_response(creating.create_once(idempotent.deps, idempotent.key, body, rendering(build)))


@router.get("", summary="List meetings")
def list_meetings(
    deps: DepsHere,
    asked: PageHere,
    title: Annotated[str | None, Query(max_length=200, description="A part of the title, in any capitals.")] = None,
) -> Page[MeetingResponse]:
    """All meetings, or those whose title has a certain part."""
    with deps.database.reading() as session:
        return meetings.meetings(session, asked, title, deps.reach)


@router.get("/{meeting_id}", summary="Get a meeting")
def get_meeting(meeting_id: MeetingId, deps: DepsHere, response: Response) -> MeetingResponse:
    """One meeting, with how many people are registered and how many are present."""
    with deps.database.reading() as session:
        found = meetings.meeting(session, meeting_id)
    tagged(response, found)
    return found


@router.patch("/{meeting_id}", summary="Change a meeting")
def change_meeting(
    meeting_id: MeetingId, body: MeetingChange, change: ChangeHere, response: Response
) -> MeetingResponse:
    """Its title here, its presets, its end. Presets reach those who are admitted, also while a breakout runs.

    With `ends_at` a breakout that runs closes so early that its countdown ends with the meeting, paused or not. One
    that would have had to close by now closes at once. A scheduled one that would start too late is a draft again.
    """
    deps = change.begin()
    presets.require_for(deps, meeting_id, presets.of_meeting(body))
    changing.change(deps, meeting_id, body)
    return get_meeting(meeting_id, deps, response)


@router.get(
    "/{meeting_id}/events", response_class=StreamingResponse, responses=STREAM, summary="Follow a meeting, live"
)
async def follow_meeting(meeting_id: MeetingId, request: Request) -> LiveStream:
    """Stream what happens from now on. Nothing is replayed: connect first, then read."""
    return await open_meeting_stream(request.app.state.hub, meeting_id, request.scope[SCOPE_CALLER])


@router.delete(
    "/{meeting_id}",
    status_code=204,
    response_class=Response,
    responses=errors(409),
    summary="Delete a meeting",
    description="Nothing of it can be read any more, logs included. RealtimeKit's meeting stays as it is. "
    "409: one of its breakouts runs.",
)
def delete_meeting(meeting_id: MeetingId, change: ChangeHere) -> Response:
    """Delete a meeting with its people, its breakouts and their logs, and end its client tokens and streams."""
    deps = change.begin()
    with delivering.silence_after(deps):
        deleting.delete_meeting(deps, meeting_id)
    return Response(status_code=204)
