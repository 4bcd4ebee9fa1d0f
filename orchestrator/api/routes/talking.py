"""What operators and hosts say to people in rooms, and what people ask of them."""

from fastapi import Response
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.answers import breakout_with
from orchestrator.api.idempotency import Idempotent
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import errors
from orchestrator.api.parameters import BreakoutId, DepsHere, HelpId, PageHere
from orchestrator.services.breakout import broadcasting, polls
from orchestrator.services.people import helping
from orchestrator.services.views import help_requests
from schemas.requests import BroadcastRequest, PollRequest
from schemas.responses import BreakoutResponse, HelpResponse, Page

router = door.router("/v1/breakouts", "breakouts", OPERATOR)


@router.post(
    "/{breakout_id}/broadcast",
    status_code=202,
    response_model=BreakoutResponse,
    responses=errors(409),
    summary="Say something to everybody",
)
def broadcast(breakout_id: BreakoutId, body: BroadcastRequest, idempotent: Idempotent) -> Response:
    """Tell it to everybody of the meeting, or to the people of some rooms, on their seat streams.

    A browser that was not connected gets it when it comes back.
    """
    return idempotent.run(lambda deps: broadcasting.broadcast(deps, breakout_id, body), breakout_with(202, breakout_id))


@router.post(
    "/{breakout_id}/poll",
    status_code=202,
    response_model=BreakoutResponse,
    responses=errors(409),
    summary="Ask everybody in rooms",
)
def poll(breakout_id: BreakoutId, body: PollRequest, idempotent: Idempotent) -> Response:
    """Make RealtimeKit's poll in every live room, or in some of them, once in each.

    Rooms with nobody are passed over. One that refuses is in `problems`: `poll refused`. Should an answer of
    RealtimeKit be lost, the poll may be there or not: it is not made again, and the problem is `poll uncertain`.
    """
    return idempotent.run(lambda deps: polls.ask(deps, breakout_id, body), breakout_with(202, breakout_id))


@router.get("/{breakout_id}/help", summary="Who asks for help")
def list_help(breakout_id: BreakoutId, deps: DepsHere, asked: PageHere) -> Page[HelpResponse]:
    """List who has asked for help from a room, resolved or not, the oldest first."""
    with deps.database.reading() as session:
        return help_requests.of_breakout(session, breakout_id, asked)


@router.post("/{breakout_id}/help/{help_id}/resolve", response_model=HelpResponse, summary="Resolve a request for help")
def resolve_help(breakout_id: BreakoutId, help_id: HelpId, idempotent: Idempotent) -> Response:
    """Say that it is settled. The person may then ask again."""

    def build(session: Session, _: None) -> tuple[int, HelpResponse]:
        return 200, help_requests.requests(session, [help_id])[help_id]

    return idempotent.run(lambda deps: helping.resolve(deps, breakout_id, help_id), build)
