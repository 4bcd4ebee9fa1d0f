"""Taking people's names out of kept answers. An answer with a token is stored encrypted, and names nobody else."""

import json
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlmodel import Session, col

from orchestrator.domain.erasing import Eraser
from schemas.tables import Breakout, IdempotencyKey, Room

ASKED_AT = '"asked_at"'
"""Stands in the answer to a request for help, and in no other that is about a meeting."""


def erase_answers(session: Session, meeting_id: str, eraser: Eraser) -> None:
    """Erase people in answers that are kept for repeated requests about this meeting."""
    created = [row for row in _kept(session, col(IdempotencyKey.about).is_(None)) if meeting_id in (row.answer or "")]
    _erase([*created, *_kept(session, _about(meeting_id))], eraser)


def erase_answers_about(session: Session, breakout: Breakout, eraser: Eraser) -> None:
    """Erase people in the kept answers that show this breakout, or a request for help in one of its rooms."""
    rooms = set(session.scalars(select(col(Room.id)).where(col(Room.breakout_id) == breakout.id)))
    rows = _kept(session, _about(breakout.meeting_id))
    _erase([row for row in rows if _shows(row, breakout.id, rooms)], eraser)


def _about(meeting_id: str) -> ColumnElement[bool]:
    breakouts = select(col(Breakout.id)).where(col(Breakout.meeting_id) == meeting_id)
    return or_(col(IdempotencyKey.about) == meeting_id, col(IdempotencyKey.about).in_(breakouts))


def _kept(session: Session, which: ColumnElement[bool]) -> Sequence[IdempotencyKey]:
    statement = select(IdempotencyKey).where(which, col(IdempotencyKey.answer).startswith("{", autoescape=True))
    return session.scalars(statement.order_by(col(IdempotencyKey.id)).with_for_update()).all()


def _shows(row: IdempotencyKey, breakout_id: str, rooms: Collection[str]) -> bool:
    """Return whether an answer shows a breakout, alone or among others, or a request for help in one of these rooms."""
    text = row.answer or ""
    return row.about == breakout_id or breakout_id in text or (ASKED_AT in text and any(it in text for it in rooms))


def _erase(rows: Sequence[IdempotencyKey], eraser: Eraser) -> None:
    for row in rows:
        answer = json.loads(row.answer or "{}")
        erased = eraser.value(answer)
        if erased is not answer:
            row.answer = json.dumps(erased, ensure_ascii=False, separators=(",", ":"))
