"""Requests for help, as they are answered."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.errors import Unknown
from orchestrator.services.views.pages import Asked, page
from schemas.problems import ProblemCode
from schemas.responses import HelpResponse, Page
from schemas.tables import Breakout, HelpRequest, Participant, Room


def of_breakout(session: Session, breakout_id: str, asked: Asked) -> Page[HelpResponse]:
    """Return the requests of a breakout, resolved or not. Raises Unknown."""
    if session.get(Breakout, breakout_id) is None:
        raise Unknown(f"there is no breakout {breakout_id}", ProblemCode.UNKNOWN_BREAKOUT)
    statement = select(HelpRequest).where(col(HelpRequest.breakout_id) == breakout_id)
    rows, next_cursor = page(session, statement, HelpRequest.id, asked)
    shown = requests(session, [row.id for row in rows])
    return Page(items=[shown[row.id] for row in rows], next_cursor=next_cursor)


def requests(session: Session, help_ids: Sequence[str]) -> dict[str, HelpResponse]:
    """Return these requests by id, in one query."""
    statement = (
        select(HelpRequest, col(Room.name), col(Participant.custom_participant_id))
        .join(Room, col(Room.id) == col(HelpRequest.room_id))
        .join(Participant, col(Participant.id) == col(HelpRequest.participant_id))
        .where(col(HelpRequest.id).in_(help_ids))
    )
    return {
        row.id: HelpResponse(
            id=row.id,
            room_id=row.room_id,
            room_name=room_name,
            custom_participant_id=custom_id,
            asked_at=row.asked_at,
            resolved_at=row.resolved_at,
        )
        for row, room_name, custom_id in session.execute(statement)
    }
