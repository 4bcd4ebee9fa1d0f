"""Participants of a meeting, and the client tokens of their browsers."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Annotated

from fastapi import Body, Query, Request, Response
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.idempotency import Idempotent, IdempotentSecret
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import errors
from orchestrator.api.parameters import CustomId, DepsHere, MeetingId, PageHere
from orchestrator.api.tokens import ClientTokens
from orchestrator.api.versions import ChangeHere
from orchestrator.errors import Unauthenticated
from orchestrator.services.access import holders
from orchestrator.services.meetings import presets, registering, removing
from orchestrator.services.people import acks
from orchestrator.services.views import meetings
from orchestrator.services.webhooks import delivering
from orchestrator.store import queries
from schemas.requests import ClientTokenRequest, ParticipantsRequest, PresentRequest
from schemas.responses import ClientTokenResponse, Page, ParticipantResponse, ParticipantsResponse

router = door.router("/v1/meetings/{meeting_id}/participants", "participants", OPERATOR)

ONE = "/{custom_participant_id:path}"
"""`:path`, because the caller's own ids may contain a slash."""


@router.post("", response_model=ParticipantsResponse, summary="Register participants")
def register_participants(meeting_id: MeetingId, body: ParticipantsRequest, idempotent: Idempotent) -> Response:
    """Register up to 1000 people; those known already get their new name and role."""

    def build(session: Session, participant_ids: list[str]) -> tuple[int, ParticipantsResponse]:
        return 200, ParticipantsResponse(participants=meetings.people(session, participant_ids))

    work = registering.register if idempotent.key else registering.register_together  # a key has its own transaction
    return idempotent.run(
        lambda deps: work(deps, meeting_id, body.participants),
        build,
        check=lambda deps: presets.require_for(deps, meeting_id, presets.of_people(body.participants)),
    )


@router.get(
    "",
    summary="List participants",
    description="The people of a meeting in the order of their registration, and where each was last seen.",
)
def list_participants(meeting_id: MeetingId, deps: DepsHere, asked: PageHere) -> Page[ParticipantResponse]:
    """List the participants of a meeting."""
    with deps.database.reading() as session:
        return meetings.participants(session, meeting_id, asked)


@router.post(
    ONE + "/client-tokens",
    status_code=201,
    response_model=ClientTokenResponse,
    summary="Make a client token",
    responses=errors(409),
    description='A token for this person\'s browser, good for `/v1/seat`; with `scope: "host"` a host may besides run '
    "the breakouts of this meeting with it, read it, and remove people. 409: the participant is not a host.",
)
def create_client_token(
    meeting_id: MeetingId,
    custom_participant_id: CustomId,
    idempotent: IdempotentSecret,
    request: Request,
    body: Annotated[ClientTokenRequest | None, Body()] = None,
) -> Response:
    """Issue a client token for one participant."""
    tokens: ClientTokens = request.app.state.tokens
    wish = body or ClientTokenRequest()
    ttl = timedelta(seconds=wish.ttl_seconds)

    def build(session: Session, _: None) -> tuple[int, ClientTokenResponse]:
        person = queries.participant(session, meeting_id, custom_participant_id)
        holders.require_role(person, wish.scope)
        token, expires_at = tokens.issue(person.id, meeting_id, ttl, number=person.token_number, scope=wish.scope)
        return 201, ClientTokenResponse(token=token, expires_at=expires_at)

    def is_good(session: Session, answer: str) -> bool:
        token = ClientTokenResponse.model_validate_json(answer).token
        try:
            found = tokens.verify(token)
        except Unauthenticated:
            return False
        holder = holders.find(session, found.participant_id)
        return holder is not None and holder.number == found.number

    return idempotent.run(lambda _: None, build, is_good=is_good)


@router.delete(ONE + "/client-tokens", status_code=204, summary="Take client tokens back")
def take_back_client_tokens(meeting_id: MeetingId, custom_participant_id: CustomId, change: ChangeHere) -> None:
    """Refuse every client token that this person has got so far, and end their streams; later ones are good."""
    holders.take_back_tokens(change.begin(), meeting_id, custom_participant_id)


@router.put(ONE + "/present", summary="Say who is in the meeting")
def set_present(
    meeting_id: MeetingId, custom_participant_id: CustomId, body: PresentRequest, change: ChangeHere
) -> ParticipantResponse:
    """For callers that get no webhooks: whether this person is in the main meeting."""
    deps = change.begin()
    participant_id = acks.set_present(deps, meeting_id, custom_participant_id, body.present)
    with deps.database.reading() as session:
        return meetings.people(session, [participant_id])[0]


@router.delete(
    ONE,
    status_code=202,
    response_class=Response,
    summary="Remove somebody for good",
    description="From now on their client tokens are refused, their seat ends, and they are put out of every live "
    "session. With `erase` something else stands for their name and id wherever they are stored.",
)
def remove_participant(
    meeting_id: MeetingId,
    custom_participant_id: CustomId,
    change: ChangeHere,
    erase: Annotated[bool, Query(description="Whether their name, attributes and id are replaced too.")] = False,
) -> Response:
    """Remove a participant; again, and `erase` for somebody removed earlier, is 202 too. Never known: 404."""
    deps = change.begin()
    with delivering.silence_after(deps) if erase else nullcontext():
        removing.remove(deps, meeting_id, custom_participant_id, erase=erase)
    return Response(status_code=202)
