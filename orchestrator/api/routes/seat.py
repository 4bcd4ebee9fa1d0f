"""The seat of the participant whose browser asks, and the browser's report of where it is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orchestrator.api import door
from orchestrator.api.auth import SCOPE_BROWSER
from orchestrator.api.crowd.desk import Desk
from orchestrator.api.crowd.quick_route import QuickRoute, answer, read, require_no_body
from orchestrator.api.idempotency import Key, once_of, to_response
from orchestrator.api.openapi.credentials import BROWSER
from orchestrator.api.openapi.responses import Responses, errors
from orchestrator.api.streams.seat_stream import open_seat_stream
from orchestrator.api.streams.streaming import LiveStream, stream_of
from orchestrator.api.tokens import ClientToken
from orchestrator.services.breakout.choosing import Choice
from orchestrator.services.people.acks import Ack
from orchestrator.services.people.helping import Ask
from schemas.requests import AckRequest, SeatChange
from schemas.responses import HelpResponse, SeatResponse

router = APIRouter(
    prefix="/v1/seat",
    tags=["seat"],
    dependencies=BROWSER,
    route_class=QuickRoute,
    generate_unique_id_function=door.operation_id,
)

STREAM = stream_of(
    "`seat` (S) whenever it changes, `warning {remaining_seconds}`, `broadcast {text}`, `closing {countdown_seconds}`.",
    'event: closing\nid: 01890a5d-ac96-774b-bcce-b302099a8057:42\ndata: {"countdown_seconds": 60}\n\n',
)

ASKED_BEFORE: Responses = {200: {"model": HelpResponse, "description": "Asked before, and nobody has resolved it yet."}}


async def _last_event_id(last_event_id: Annotated[str | None, Header()] = None) -> None:
    """Describe the header of a browser that has read a stream before."""


async def _key(key: Key = None) -> None:
    """Describe the header of a request that is to be done once."""


async def _ack_body(body: AckRequest) -> None:
    """Describe the body of an ack."""


async def _choice_body(body: SeatChange) -> None:
    """Describe the body of a choice."""


@router.get(
    "",
    response_model=SeatResponse,
    summary="Where should I be?",
    description="A client that compares this with where it is, and goes there, is correct.",
)
async def get_seat(request: Request) -> Response:
    """Return the participant's seat."""
    return answer((await _desk(request).seat(_token(request).participant_id)).text)


@router.get(
    "/events",
    response_class=StreamingResponse,
    dependencies=[Depends(_last_event_id)],
    responses=STREAM,
    summary="The same, live",
    description="The present seat at once, then what is new. After `Last-Event-ID` also the broadcasts that were "
    "missed, and the latest warning or closing that still holds, with the seconds left now.",
)
async def follow_seat(request: Request) -> LiveStream:
    """Stream the participant's seat and notices."""
    return await open_seat_stream(request.app.state.hub, _token(request), request.headers.get("last-event-id"))


@router.post(
    "/ack",
    response_model=SeatResponse,
    dependencies=[Depends(_ack_body)],
    summary="I have arrived",
    description="The browser says where it is now; works beside webhooks or without them. Answers the present seat, "
    "which may be a moment older than this report.",
)
async def acknowledge_seat(request: Request) -> Response:
    """Store where the browser says it is, and return the present seat."""
    said = Ack(_token(request).participant_id, await read(request, AckRequest))
    return answer((await _desk(request).ack(said)).text)


@router.put(
    "/room",
    status_code=202,
    response_model=SeatResponse,
    dependencies=[Depends(_choice_body)],
    responses=errors(403, 409),
    summary="Choose a room",
    description="With null: go to main. `self_select` lets everybody pick and change rooms, `allow_return` go to main "
    "and back to the room that they left, `allow_switch` anywhere; hosts may always. 409: it is full, or not open.",
)
async def choose_room(request: Request) -> Response:
    """Seat the participant in the room that they choose. Their seat follows when the token for it is there."""
    token = _token(request)
    body = await read(request, SeatChange)
    choice = Choice(token.participant_id, token.meeting_id, body.room_id)
    return answer((await _desk(request).choose(choice)).text, 202)


@router.post(
    "/help",
    status_code=201,
    response_model=HelpResponse,
    dependencies=[Depends(_key)],
    responses=ASKED_BEFORE | errors(409),
    summary="Ask for help",
    description="Ask the hosts for help in the room where I am. Again while that is open: the same. 409: in no room.",
)
async def ask_for_help(request: Request) -> Response:
    """Note that the participant asks for help."""
    await require_no_body(request)
    token = _token(request)
    ask, once = Ask(token.participant_id, token.meeting_id), await once_of(request, token.participant_id)
    if once is not None:
        return to_response(await _desk(request).ask_for_help_once(ask, once))
    found = await _desk(request).ask_for_help(ask)
    return answer(found.text, 201 if found.is_new else 200)


def _token(request: Request) -> ClientToken:
    token: ClientToken = request.scope[SCOPE_BROWSER]
    return token


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk
