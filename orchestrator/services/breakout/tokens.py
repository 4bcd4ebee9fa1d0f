"""Keeping the tokens good that seats hold: a room is due when the first of its tokens is to be renewed."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlmodel import col

from orchestrator.domain.tokens import STALE_PAUSE
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.states import HOLDS_TOKEN
from schemas.tables import Room, Seat


def watch_for_tokens(tx: Transaction, room_ids: Iterable[str], since: datetime) -> None:
    """Make rooms that were just given back due when the next of their tokens is to be renewed.

    The pass that has just ended had to renew those whose time had come by `since`. One that could not is left to the
    room's next try, or tried after a pause where that was the last: at once it would be so again and again.
    """
    renew_at = col(Seat.token_renew_at)
    due_at = case((renew_at > since, renew_at), else_=tx.after(STALE_PAUSE))
    statement = select(col(Seat.room_id), func.min(due_at)).where(
        col(Seat.room_id).in_(list(room_ids)),
        col(Seat.wanted),
        col(Seat.state).in_(HOLDS_TOKEN),
        or_(renew_at.is_not(None), col(Seat.auth_token).is_(None)),
    )
    due.due_by(tx, Room, dict(tx.session.execute(statement.group_by(col(Seat.room_id))).all()))
