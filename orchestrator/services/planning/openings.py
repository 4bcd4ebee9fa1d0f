"""What the last openings took, which tells how quick this deployment is."""

from sqlalchemy import func, select
from sqlmodel import Session, col

from orchestrator.domain.predicting import Opening
from schemas.tables import Breakout, Room, Seat

OPENINGS = 5
LOOKED_AT = 50
"""How many of the newest breakouts are searched for openings, because most may be planned or prepared."""


def last_openings(session: Session) -> list[Opening]:
    """Return up to OPENINGS of them. Of prepared ones, and of rounds that took over rooms, the calls are not known."""
    columns = col(Breakout.id), col(Breakout.starts_at), col(Breakout.opened_at)
    made = col(Breakout.prepare_from).is_(None), col(Breakout.series_id).is_(None), col(Breakout.opened_at).is_not(None)
    newest = select(col(Breakout.id)).order_by(col(Breakout.id).desc()).limit(LOOKED_AT)
    found = select(*columns).where(col(Breakout.id).in_(newest), *made).order_by(col(Breakout.id).desc())
    return [
        Opening(_count(session, Room, row_id), _count(session, Seat, row_id), opened_at - starts_at)
        for row_id, starts_at, opened_at in session.execute(found.limit(OPENINGS))
    ]


def _count(session: Session, table: type[Room | Seat], breakout_id: str) -> int:
    return session.scalar(select(func.count()).select_from(table).where(col(table.breakout_id) == breakout_id)) or 0
