"""What operators and hosts say to people in rooms, and what people ask of them."""

from fastapi import Response
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.idempotency import Idempotent
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import errors
from orchestrator.api.parameters import BreakoutId
from orchestrator.services.breakout import broadcasting
from orchestrator.services.views import breakouts
from schemas.requests import BroadcastRequest
from schemas.responses import BreakoutResponse

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

    def build(session: Session, _: None) -> tuple[int, BreakoutResponse]:
        return 202, breakouts.breakout(session, breakout_id)

    return idempotent.run(lambda deps: broadcasting.broadcast(deps, breakout_id, body), build)
