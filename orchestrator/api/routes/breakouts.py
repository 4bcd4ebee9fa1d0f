"""Breakouts: split a meeting into rooms, and bring everyone home."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Body, Query, Response
from pydantic import AfterValidator
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.answers import breakout_with
from orchestrator.api.idempotency import Idempotent
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import Responses, errors
from orchestrator.api.parameters import (
    BreakoutId,
    CustomId,
    DepsHere,
    MeetingId,
    PageHere,
)
from orchestrator.api.versions import ChangeHere, tagged
from orchestrator.services.breakout import changes, moving, operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import parents, presets
from orchestrator.services.planning import changing, creating, rehearsing
from orchestrator.services.views import breakouts
from schemas.requests import (
    BreakoutChange,
    BreakoutRequest,
    CancelRequest,
    CloseRequest,
    SeatChange,
    ShuffleRequest,
)
from schemas.responses import (
    BreakoutResponse,
    BreakoutSummary,
    Page,
    RehearsalResponse,
)
from schemas.states import BreakoutState

router = door.router("/v1", "breakouts", OPERATOR)

OF_MEETING = "/meetings/{meeting_id}/breakouts"
ONE = "/breakouts/{breakout_id}"
OPENING = "Opening; or scheduled for now, until its groups are found (`plan.state`)."
STARTED: Responses = {
    200: {"model": RehearsalResponse, "description": "With `dry_run`: what would be planned."},
    201: {"description": "A draft, or scheduled."},
    202: {"model": BreakoutResponse, "description": OPENING},
}
STARTED_BY_CHANGE: Responses = {202: {"model": BreakoutResponse, "description": OPENING}}
MOVING: Responses = {202: {"model": BreakoutResponse, "description": "Their browser is told to go there."}}
ALREADY_SO: Responses = {200: {"model": BreakoutResponse, "description": "It was so already; nothing changed."}}


def _are_states(text: str | None) -> str | None:
    if text is not None and not set(text.split(",")) <= set(BreakoutState):
        raise ValueError(f"must be one or several of {', '.join(BreakoutState)}, with commas between")
    return text


States = Annotated[
    str | None,
    Query(description="Only those in these states: one, or several with commas between.", examples=["open,closing"]),
    AfterValidator(_are_states),
]

Endpoint = Callable[..., Response]


def _command(path: str, summary: str, other: Responses | None = None) -> Callable[[Endpoint], Endpoint]:
    """Make the route of a POST that starts something: it answers 202, an error, or one of the `other` responses."""
    responses = (other or {}) | errors(409)
    return router.post(path, status_code=202, response_model=BreakoutResponse, responses=responses, summary=summary)


def _report(deps: Deps, breakout_id: str, response: Response) -> BreakoutResponse:
    with deps.database.reading() as session:
        found = breakouts.breakout(session, breakout_id)
    tagged(response, found)
    return found


def _changed(breakout_id: str) -> Callable[[Session, bool], tuple[int, BreakoutResponse]]:
    """Answer 202 if the command changed something, else 200."""
    return lambda session, changed: (202 if changed else 200, breakouts.breakout(session, breakout_id))


@router.post(
    OF_MEETING,
    status_code=201,
    response_model=BreakoutResponse,
    responses=STARTED | errors(409),
    summary="Create a breakout",
)
def create_breakout(
    meeting_id: MeetingId,
    body: BreakoutRequest,
    idempotent: Idempotent,
    dry_run: Annotated[
        bool, Query(description="Say what would be planned and what opening it takes; write nothing.")
    ] = False,
) -> Response:
    """Split the meeting's people into rooms; with `start: "now"` the rooms are opened at once."""
    if dry_run:
        return _rehearsed(idempotent.change.begin(), meeting_id, body)

    def build(session: Session, breakout_id: str) -> tuple[int, BreakoutResponse]:
        return 202 if body.start == "now" else 201, breakouts.breakout(session, breakout_id)

    return idempotent.run(
        lambda deps: creating.create(deps, meeting_id, body),
        build,
        check=lambda deps: parents.check_creating(deps, meeting_id, body),
    )


def _rehearsed(deps: Deps, meeting_id: str, body: BreakoutRequest) -> Response:
    presets.require_for(deps, meeting_id, presets.of_rooms(body.room_presets))
    closed, call_seconds = parents.ask(deps, meeting_id)
    breakout, conflicts = rehearsing.rehearse(deps, meeting_id, body, breakouts.breakout)
    calls = rehearsing.calls_of(breakout)
    answer = RehearsalResponse(
        breakout=breakout,
        calls=calls,
        predicted_seconds=rehearsing.seconds_of(deps, calls, call_seconds),
        conflicts=([closed] if closed else []) + conflicts,
    )
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get(OF_MEETING, summary="List a meeting's breakouts", description="Without their rooms.")
def list_breakouts_of_meeting(meeting_id: MeetingId, deps: DepsHere, asked: PageHere) -> Page[BreakoutSummary]:
    """List the breakouts of a meeting."""
    with deps.database.reading() as session:
        return breakouts.of_meeting(session, meeting_id, asked)


@router.get("/breakouts", summary="List breakouts", description="Of all meetings, or of one, without their rooms.")
def list_breakouts(
    deps: DepsHere,
    asked: PageHere,
    state: States = None,
    meeting_id: Annotated[str | None, Query(description="Our id of a meeting: only its breakouts.")] = None,
) -> Page[BreakoutSummary]:
    """List breakouts in certain states, or of a meeting; an unknown meeting has none."""
    with deps.database.reading() as session:
        states = [BreakoutState(word) for word in state.split(",")] if state else []
        return breakouts.breakouts(session, asked, meeting_id=meeting_id, states=states, reach=deps.reach)


@router.get(ONE, summary="Get a breakout")
def get_breakout(breakout_id: BreakoutId, deps: DepsHere, response: Response) -> BreakoutResponse:
    """Its rooms, the people in each, their recordings, how far it is, and what went wrong."""
    return _report(deps, breakout_id, response)


@_command(ONE + "/start", "Start a breakout", ALREADY_SO)
def start_breakout(breakout_id: BreakoutId, idempotent: Idempotent) -> Response:
    """Open the rooms of a draft or scheduled breakout."""
    return idempotent.run(
        lambda deps: operations.start(deps, breakout_id),
        _changed(breakout_id),
        check=lambda deps: parents.check_start(deps, breakout_id),
    )


@_command(ONE + "/prepare", "Prepare a breakout")
def prepare_breakout(breakout_id: BreakoutId, idempotent: Idempotent) -> Response:
    """Make the rooms and admit their people ahead of the start, which then waits for no call to RealtimeKit."""
    return idempotent.run(lambda deps: operations.prepare(deps, breakout_id), breakout_with(202, breakout_id))


@router.patch(ONE, responses=STARTED_BY_CHANGE | errors(409), summary="Change a breakout")
def change_breakout(
    breakout_id: BreakoutId, body: BreakoutChange, change: ChangeHere, response: Response
) -> BreakoutResponse:
    """Before the start: every setting that creating takes, `start` included. Or its name, at any time.

    While it is open: one change of its clock, close at another time or without a timer, so much later or earlier,
    pause, go on. While it is closing, until its seats point to main, another time or null calls the countdown off.
    Objects are merged field by field, lists replaced, and rooms keep their ids by name. Other rooms or another
    assignment deal anew, pinned people stay. `start: "manual"` makes a scheduled one a draft.
    """
    deps = change.begin()
    if body.is_of_clock or body.model_fields_set == {"name"}:
        changes.change(deps, breakout_id, body)
        return _report(deps, breakout_id, response)
    parents.check_change(deps, breakout_id, body)
    if changing.change(deps, breakout_id, body):
        response.status_code = 202
    return _report(deps, breakout_id, response)


@router.post(ONE + "/shuffle", response_model=BreakoutResponse, responses=errors(409), summary="Shuffle a breakout")
def shuffle_breakout(
    breakout_id: BreakoutId, idempotent: Idempotent, body: Annotated[ShuffleRequest | None, Body()] = None
) -> Response:
    """Deal the people of a draft or scheduled breakout evenly anew, by this seed or another one made at random."""
    wish = body or ShuffleRequest()
    return idempotent.run(lambda deps: changing.shuffle(deps, breakout_id, wish), breakout_with(200, breakout_id))


@router.put(
    ONE + "/participants/{custom_participant_id:path}/room",
    responses=MOVING | errors(409),
    summary="Move a person",
)
def move_person(
    breakout_id: BreakoutId, custom_participant_id: CustomId, body: SeatChange, change: ChangeHere, response: Response
) -> BreakoutResponse:
    """To another room, or with null back to the main meeting; before the start it changes the assignment."""
    deps = change.begin()
    is_running = moving.move_person(deps, breakout_id, custom_participant_id, body.room_id)
    response.status_code = 202 if is_running else 200
    return _report(deps, breakout_id, response)


@_command(ONE + "/close", "Close a breakout", ALREADY_SO)
def close_breakout(
    breakout_id: BreakoutId, idempotent: Idempotent, body: Annotated[CloseRequest | None, Body()] = None
) -> Response:
    """Count down, bring everybody back to the main meeting, stop the recordings and retire the rooms."""
    countdown_seconds = None if body is None else body.countdown_seconds
    return idempotent.run(lambda deps: operations.close(deps, breakout_id, countdown_seconds), _changed(breakout_id))


@_command(ONE + "/cancel", "Cancel a breakout", ALREADY_SO)
def cancel_breakout(
    breakout_id: BreakoutId, idempotent: Idempotent, body: Annotated[CancelRequest | None, Body()] = None
) -> Response:
    """Give up a draft or scheduled breakout; with `rest_of_series` all later rounds too, whatever this one does."""
    rest = body is not None and body.rest_of_series
    return idempotent.run(lambda deps: operations.cancel(deps, breakout_id, rest_of_series=rest), _changed(breakout_id))
