"""Rounds: several breakouts in which people meet as many others as possible."""

from fastapi import Response
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.idempotency import Idempotent
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import Responses, errors
from orchestrator.api.parameters import MeetingId
from orchestrator.services.meetings import parents
from orchestrator.services.planning import rounds
from orchestrator.services.views import breakouts
from schemas.requests import RoundsRequest
from schemas.responses import RoundsResponse

router = door.router("/v1", "breakouts", OPERATOR)

STARTED: Responses = {
    201: {"description": "Drafts; the first may be scheduled."},
    202: {"model": RoundsResponse, "description": "The first is opening."},
}


@router.post(
    "/meetings/{meeting_id}/rounds",
    status_code=201,
    response_model=RoundsResponse,
    responses=STARTED | errors(409),
    summary="Create rounds",
)
def create_rounds(meeting_id: MeetingId, body: RoundsRequest, idempotent: Idempotent) -> Response:
    """So many breakouts in one series, in which as few pairs as possible meet twice.

    The end of a round schedules the next one. Each is dealt at its start, among those who are there by then, against
    who has met before.
    """

    def build(session: Session, made: rounds.Series) -> tuple[int, RoundsResponse]:
        return 202 if body.start == "now" else 201, RoundsResponse(
            series_id=made.id,
            repeated_pairs=rounds.pairs_that_meet_again(session, made.breakout_ids),
            breakouts=[breakouts.breakout(session, breakout_id) for breakout_id in made.breakout_ids],
        )

    return idempotent.run(
        lambda deps: rounds.create_rounds(deps, meeting_id, body),
        build,
        check=lambda deps: parents.check_creating(deps, meeting_id, body),
    )
