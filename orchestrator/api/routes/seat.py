"""The seat of the participant whose browser asks, and the browser's report of where it is."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import StreamingResponse

from orchestrator.api.openapi.credentials import BROWSER
from orchestrator.api.parameters import ClientTokenHere, DeskHere
from orchestrator.api.streams.seat_stream import open_seat_stream
from orchestrator.api.streams.streaming import LiveStream, stream_of
from orchestrator.services.people.acks import Ack
from schemas.requests import AckRequest
from schemas.responses import SeatResponse

router = APIRouter(prefix="/v1/seat", tags=["seat"], dependencies=BROWSER)

STREAM = stream_of(
    "`seat` (S) whenever it changes, `warning {remaining_seconds}`, `closing {countdown_seconds}`.",
    'event: closing\nid: 01890a5d-ac96-774b-bcce-b302099a8057:42\ndata: {"countdown_seconds": 60}\n\n',
)


@router.get(
    "",
    summary="Where should I be?",
    description="A client that compares this with where it is, and goes there, is correct.",
)
async def get(token: ClientTokenHere, desk: DeskHere) -> SeatResponse:
    """Return the participant's seat."""
    return await desk.seat(token.participant_id)


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses=STREAM,
    summary="The same, live",
    description="The present seat at once, then what is new; after `Last-Event-ID` also what was missed.",
)
async def events(
    token: ClientTokenHere, request: Request, last_event_id: Annotated[str | None, Header()] = None
) -> LiveStream:
    """Stream the participant's seat and notices."""
    return await open_seat_stream(request.app.state.hub, token, last_event_id)


@router.post(
    "/ack",
    summary="I have arrived",
    description="The browser says where it is now; works beside webhooks or without them. Answers the present seat, "
    "which may be a moment older than this report.",
)
async def ack(token: ClientTokenHere, body: AckRequest, desk: DeskHere) -> SeatResponse:
    """Store where the browser says it is, and return the present seat."""
    return await desk.ack(Ack(token.participant_id, body))
