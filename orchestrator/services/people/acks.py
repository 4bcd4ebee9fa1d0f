"""What a participant's browser says about where it is."""

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.errors import Malformed, Unknown
from orchestrator.services.breakout.locked import locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.people import presence
from orchestrator.services.people.seats import seat
from orchestrator.store.queries import meeting, participant
from schemas.requests import AckRequest
from schemas.responses import SeatResponse
from schemas.tables import Breakout, Participant, Room


def ack(deps: Deps, participant_id: str, body: AckRequest) -> SeatResponse:
    """Note where the browser has arrived. Raises Unknown, and Malformed for a room of another meeting."""
    with locked_for_meeting(deps, _meeting_of(deps, participant_id)) as m:
        person = m.tx.session.get_one(Participant, participant_id)
        if body.room_id is not None and not _is_of_meeting(m.tx.session, body.room_id, person.meeting_id):
            raise Malformed(f"there is no room {body.room_id} in this meeting", ("body", "room_id"))
        presence.apply(m, [presence.acknowledged_stay(m, person, body.room_id)])
    return seat(deps, participant_id)


def set_present(deps: Deps, meeting_id: str, custom_participant_id: str, present: bool) -> str:
    """Take the caller's word on whether somebody is in the main meeting. Returns our id of the person.

    Raises Unknown.
    """
    with locked_for_meeting(deps, meeting_id) as m:
        meeting(m.tx.session, meeting_id)
        person = participant(m.tx.session, meeting_id, custom_participant_id)
        presence.set_present(m, person, present=present)
        return person.id


def _meeting_of(deps: Deps, participant_id: str) -> str:
    statement = select(col(Participant.meeting_id)).where(col(Participant.id) == participant_id)
    with deps.database.glancing() as session:
        meeting_id = session.scalar(statement)
    if meeting_id is None:
        raise Unknown("there is no such participant")
    return meeting_id


def _is_of_meeting(session: Session, room_id: str, meeting_id: str) -> bool:
    statement = (
        select(col(Room.id))
        .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
        .where(col(Room.id) == room_id, col(Breakout.meeting_id) == meeting_id)
    )
    return session.scalar(statement) is not None
