"""People whose name or preset has changed: the rooms that have them under the old one are to edit their records."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, or_, select
from sqlmodel import Session, col

from orchestrator.domain.tokens import STALE_PAUSE
from orchestrator.services.deps import Deps
from orchestrator.services.passes.admission import differs, not_as_sent
from orchestrator.store import due
from orchestrator.store.database import execute
from orchestrator.store.queries import holds
from schemas.states import HOLDS_TOKEN, RoomWanted
from schemas.tables import IS_UNFINISHED, Breakout, Meeting, Participant, Room, Seat

SOON = STALE_PAUSE + timedelta(seconds=1)
"""A room that is due by then is left alone, because it waits for its next try."""


_REFUSED = and_(col(Seat.error).is_not(None), col(Seat.preset_at_realtimekit).is_not(None), not_as_sent(Seat))
_TO_TELL = (
    select(col(Room.id))
    .join(Seat, col(Seat.room_id) == col(Room.id))
    .join(Participant, col(Participant.id) == col(Seat.participant_id))
    .join(Meeting, col(Meeting.id) == col(Participant.meeting_id))
    .join(Breakout, col(Breakout.id) == col(Seat.breakout_id))
    .where(
        col(Breakout.meeting_id) == bindparam("of"),
        holds(Breakout, IS_UNFINISHED),
        col(Room.wanted).in_([RoomWanted.READY, RoomWanted.OPEN]),
        col(Room.holder).is_(None),
        or_(col(Room.due_at).is_(None), col(Room.due_at) > bindparam("soon")),
        col(Seat.wanted),
        or_(and_(col(Seat.state).in_(HOLDS_TOKEN), differs(Seat)), _REFUSED),
    )
    .distinct()
)


def rooms_to_tell(session: Session, meeting_id: str, now: datetime) -> Sequence[str]:
    """Return idle rooms, prepared or open, that admitted somebody under another name or preset, or were refused to."""
    return execute(session, _TO_TELL, {"of": meeting_id, "soon": now + SOON}).scalars().all()


def tell(deps: Deps, room_ids: Sequence[str]) -> None:
    """Make these rooms due. This is a transaction of its own, because it has no breakout's lock."""
    with deps.database.transaction() as tx:
        due.want(tx, Room, room_ids)
