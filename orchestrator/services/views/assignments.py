"""Who sits where, as rows for a file that makes the same plan when it is imported."""

from sqlalchemy import false, or_, select
from sqlmodel import Session, col

from orchestrator.errors import Unknown
from orchestrator.store.queries import rooms_of
from schemas.tables import Breakout, Participant, Seat

HEADINGS = ("room", "custom_participant_id", "name")
NOBODY = ("", "")


def rows(session: Session, breakout_id: str) -> list[tuple[str, str, str]]:
    """Return the headings, the people of each room in its order, and those in main. Raises Unknown."""
    breakout = session.get(Breakout, breakout_id)
    if breakout is None:
        raise Unknown(f"there is no breakout {breakout_id}")
    rooms = {room.id: room for room in rooms_of(session, breakout_id) if not room.deleted}
    people: dict[str | None, list[tuple[str, str]]] = {}
    seat = (col(Seat.participant_id) == col(Participant.id)) & (col(Seat.breakout_id) == breakout_id) & col(Seat.wanted)
    columns = col(Seat.room_id), col(Participant.custom_participant_id), col(Participant.name)
    statement = select(*columns).outerjoin_from(Participant, Seat, seat)
    people_now = col(Participant.meeting_id) == breakout.meeting_id if breakout.names_kept else false()
    mine = statement.where(or_(people_now, col(Seat.id).is_not(None)))
    for room_id, custom_id, name in session.execute(mine.order_by(col(Seat.id), col(Participant.id))):
        people.setdefault(room_id if room_id in rooms else None, []).append((custom_id, name))
    seated = [(room.name, *one) for room_id, room in rooms.items() for one in people.get(room_id, [NOBODY])]
    return [HEADINGS, *seated, *(("", *one) for one in people.get(None, []))]
