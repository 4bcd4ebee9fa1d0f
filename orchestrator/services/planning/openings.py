"""What the last openings took, which tells how quick this deployment is."""

from sqlalchemy import func, select
from sqlmodel import Session, col

from orchestrator.domain.predicting import Opening
from schemas.tables import Breakout, Room, Seat

OPENINGS = 5
LOOKED_AT = 50
"""Among how many of the newest breakouts they are looked for. Most may be planned, or prepared."""


def last_openings(session: Session) -> list[Opening]:
    """Return up to OPENINGS of them, the newest first. A start that found its rooms prepared made no calls."""
    newest = select(Breakout).order_by(col(Breakout.id).desc()).limit(LOOKED_AT)
    rows = [row for row in session.scalars(newest) if row.opened_at and row.starts_at and row.prepare_from is None]
    return [
        Opening(_count(session, Room, row.id), _count(session, Seat, row.id), row.opened_at - row.starts_at)
        for row in rows[:OPENINGS]
        if row.opened_at and row.starts_at
    ]


def _count(session: Session, table: type[Room | Seat], breakout_id: str) -> int:
    return session.scalar(select(func.count()).select_from(table).where(col(table.breakout_id) == breakout_id)) or 0
