"""The participant's browser: where it should be, and its word on where it has arrived."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import StreamingResponse

from orchestrator.api.common import BROWSER, DepsHere, PersonHere
from orchestrator.api.streams.seat_stream import open_seat_stream
from orchestrator.api.streams.streaming import LiveStream, stream_of
from orchestrator.services.people import acks, seats
from schemas.requests import AckRequest
from schemas.responses import SeatResponse

router = APIRouter(prefix="/v1/seat", tags=["seat"], dependencies=BROWSER)

STREAM = stream_of(
    "`seat` (S) whenever it changes, `warning {remaining_seconds}`, `closing {countdown_seconds}`.",
    'event: closing\nid: 01890a5d-ac96-774b-bcce-b302099a8057:42\ndata: {"countdown_seconds": 60}\n\n',
)


@router.get("", summary="Where should I be?")
def get(person: PersonHere, deps: DepsHere) -> SeatResponse:
    """A client that compares this with where it is, and goes there, is correct."""
    return seats.seat(deps, person.participant_id)


@router.get("/events", response_class=StreamingResponse, responses=STREAM, summary="The same, live")
async def events(
    person: PersonHere, request: Request, last_event_id: Annotated[str | None, Header()] = None
) -> LiveStream:
    """The present seat at once, then what is new; after `Last-Event-ID` also what was missed."""
    return await open_seat_stream(request.app.state.hub, person, last_event_id)


@router.post("/ack", summary="I have arrived")
def ack(person: PersonHere, body: AckRequest, deps: DepsHere) -> SeatResponse:
    """The browser says where it is now; works beside webhooks or without them. Answers the present seat."""
    return acks.ack(deps, person.participant_id, body)
