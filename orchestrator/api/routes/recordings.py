"""Recordings of rooms."""

from fastapi import Response
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.answers import room_of
from orchestrator.api.idempotency import Idempotent
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import errors
from orchestrator.api.parameters import BreakoutId, DepsHere, PageHere, RoomId
from orchestrator.services.breakout import recording_commands
from orchestrator.services.views import breakouts
from schemas.requests import RecordingCommand
from schemas.responses import Page, RoomRecordingResponse, RoomResponse

router = door.router("/v1/breakouts", "breakouts", OPERATOR)


@router.get("/{breakout_id}/recordings", summary="List a breakout's recordings")
def list_recordings(breakout_id: BreakoutId, deps: DepsHere, asked: PageHere) -> Page[RoomRecordingResponse]:
    """All recordings of every room, the oldest first; a room that emptied and filled again has several."""
    with deps.database.reading() as session:
        return breakouts.recordings(session, breakout_id, asked)


@router.post(
    "/{breakout_id}/rooms/{room_id}/recording",
    status_code=202,
    response_model=RoomResponse,
    responses=errors(409),
    summary="Record a room, or stop",
)
def steer_recording(
    breakout_id: BreakoutId, room_id: RoomId, body: RecordingCommand, idempotent: Idempotent
) -> Response:
    """Start, stop, pause or resume. A stop holds until a start, whoever comes meanwhile.

    A room that is started is recorded from then on while people are there, as with `record: true`: an empty one with
    the first who comes. A paused recording stays `recording`, with `paused: true`.
    """

    def build(session: Session, _: None) -> tuple[int, RoomResponse]:
        return 202, room_of(breakouts.breakout(session, breakout_id), room_id)

    return idempotent.run(lambda deps: recording_commands.command(deps, breakout_id, room_id, body.action), build)
