"""Rooms of a breakout: added, changed and deleted, also while it runs; and too small ones, dissolved into others."""

from dataclasses import asdict

from fastapi import Response
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.answers import breakout_with, room_of
from orchestrator.api.idempotency import Idempotent
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import Responses, errors
from orchestrator.api.parameters import BreakoutId, RoomId
from orchestrator.api.versions import ChangeHere, tag_headers, version_of
from orchestrator.services.breakout import rebalancing, retrying, room_changes
from orchestrator.services.breakout.rebalancing import Moved
from orchestrator.services.deps import Deps
from orchestrator.services.planning import rooms
from orchestrator.services.views import breakouts
from schemas.requests import NewRoomRequest, RebalanceRequest, RoomChange
from schemas.responses import BreakoutResponse, MoveResponse, RebalanceResponse, RoomResponse
from schemas.states import RUNNING

router = door.router("/v1/breakouts/{breakout_id}", "breakouts", OPERATOR)

ONE = "/rooms/{room_id}"
OPENED: Responses = {202: {"model": RoomResponse, "description": "The breakout runs: the room is opened."}}
DELETED: Responses = {202: {"model": RoomResponse, "description": "The breakout runs: its people return to main."}}


def _report(deps: Deps, breakout_id: str, room_id: str, response: Response) -> RoomResponse:
    with deps.database.reading() as session:
        found = room_of(breakouts.breakout(session, breakout_id), room_id)
    response.headers.update(tag_headers(version_of(found)))
    return found


@router.post(
    "/rooms", status_code=201, response_model=RoomResponse, responses=OPENED | errors(409), summary="Add a room"
)
def add_room(breakout_id: BreakoutId, body: NewRoomRequest, idempotent: Idempotent) -> Response:
    """Add an empty room after the others. While the breakout runs it is opened at once."""

    def build(session: Session, room_id: str) -> tuple[int, RoomResponse]:
        found = breakouts.breakout(session, breakout_id)
        return 202 if found.state in RUNNING else 201, room_of(found, room_id)

    return idempotent.run(lambda deps: rooms.add_room(deps, breakout_id, body), build)


@router.patch(ONE, responses=errors(409), summary="Change a room")
def change_room(
    breakout_id: BreakoutId, room_id: RoomId, body: RoomChange, change: ChangeHere, response: Response
) -> RoomResponse:
    """Its name, which its people see, and how many people it takes; while the breakout is open also its own end.

    A room with an end of its own closes then as a breakout does, with the same countdown, and with its breakout if that
    closes before. At most one change of its clock: another end, or with null none of its own; so much later or earlier;
    pause, go on. A paused room still closes with its breakout.
    """
    deps = change.begin()
    room_changes.change_room(deps, breakout_id, room_id, body)
    return _report(deps, breakout_id, room_id, response)


@router.delete(ONE, status_code=204, responses=DELETED | errors(409), summary="Delete a room")
def delete_room(breakout_id: BreakoutId, room_id: RoomId, change: ChangeHere) -> Response:
    """Before the start: the room is gone, and its people are unassigned.

    While the breakout runs its people return to the main meeting at once. The room stays among the others, as deleted.
    """
    deps = change.begin()
    if not rooms.delete_room(deps, breakout_id, room_id):
        return Response(status_code=204)
    with deps.database.reading() as session:
        found = room_of(breakouts.breakout(session, breakout_id), room_id)
    return Response(found.model_dump_json(), 202, tag_headers(version_of(found)), "application/json")


@router.post(
    ONE + "/retry",
    status_code=202,
    response_model=BreakoutResponse,
    responses=errors(409),
    summary="Retry a room",
)
def retry_room(breakout_id: BreakoutId, room_id: RoomId, idempotent: Idempotent) -> Response:
    """Of a running breakout: a failed one, or an open one whose meeting at RealtimeKit is gone or INACTIVE.

    People of a failed room who were given other rooms stay there; who has none is seated in it again. The people of an
    open one keep their seats. Its meeting is made ACTIVE again, or made anew; one that lives stays as it is.
    """
    return idempotent.run(lambda deps: retrying.retry_room(deps, breakout_id, room_id), breakout_with(202, breakout_id))


@router.post(
    "/rebalance",
    status_code=202,
    response_model=RebalanceResponse,
    responses=errors(409),
    summary="Dissolve small rooms",
)
def rebalance(breakout_id: BreakoutId, body: RebalanceRequest, idempotent: Idempotent) -> Response:
    """While it is open, for instance after no-shows: rooms in which fewer people are are dissolved into the others.

    The smallest first, counting anew after each. Their people go to the least filled others, also those who are not
    there. Limits hold: a room whose people find no place stays, with the problem `no place`.
    """

    def build(_: Session, moves: list[Moved]) -> tuple[int, RebalanceResponse]:
        return 202, RebalanceResponse(moves=[MoveResponse(**asdict(move)) for move in moves])

    size = body.min_room_size
    return idempotent.run(lambda deps: rebalancing.dissolve_small_rooms(deps, breakout_id, size), build)
