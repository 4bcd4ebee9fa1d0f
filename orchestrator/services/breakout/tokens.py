"""Keeping the tokens good that seats hold: a room is due when the first of its tokens is to be renewed."""

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlmodel import col

from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.states import HOLDS_TOKEN
from schemas.tables import Room, Seat


def watch_for_tokens(tx: Transaction, room_ids: Iterable[str]) -> None:
    """Make rooms that were just given back due when the next of their tokens is to be renewed."""
    statement = select(col(Seat.room_id), func.min(col(Seat.token_renew_at))).where(
        col(Seat.room_id).in_(list(room_ids)),
        col(Seat.wanted),
        col(Seat.state).in_(HOLDS_TOKEN),
        col(Seat.token_renew_at).is_not(None),
    )
    due.due_by(tx, Room, dict(tx.session.execute(statement.group_by(col(Seat.room_id))).all()))
