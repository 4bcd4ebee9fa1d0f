"""Who of a meeting's people is behind whom in the rounds of their series that name nobody any more.

Later rounds go on with what the earlier ones were: who has met whom, and who has a record in which child meeting.
Nothing of this is answered to anybody.
"""

from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.domain.erasing import stand_in
from orchestrator.store.queries import hash_key, holds, registered
from schemas.tables import IS_FORMER, Breakout, Participant, Seat


class Person(NamedTuple):
    """A person of the meeting."""

    id: str
    name: str
    """The caller's own id."""


def people_behind(session: Session, row: Breakout) -> dict[str, Person]:
    """Return, by the id of who stands for them, the people who are registered as they were then."""
    if row.series_id is None:
        return {}
    statement = (
        select(col(Participant.id), col(Participant.custom_participant_id), col(Participant.created_at))
        .join(Seat, col(Seat.participant_id) == col(Participant.id))
        .join(Breakout, col(Breakout.id) == col(Seat.breakout_id))
        .where(col(Breakout.series_id) == row.series_id, ~col(Breakout.names_kept), holds(Participant, IS_FORMER))
        .distinct()
    )
    stand_ins = session.execute(statement).all()
    if not stand_ins:
        return {}
    key, people = hash_key(session), registered(session, row.meeting_id)
    known = {(stand_in(key, row.meeting_id, name), it.since): Person(it.id, name) for name, it in people.items()}
    found = {row_id: known.get((name, since)) for row_id, name, since in stand_ins}
    return {row_id: person for row_id, person in found.items() if person is not None}
