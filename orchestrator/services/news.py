"""What seat streams are told beside the seat itself, read from the breakouts' logs for many people at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlmodel import Session, col

from schemas.states import LIVE, BreakoutState
from schemas.tables import Breakout, Event


@dataclass(frozen=True)
class Head:
    """How far the log of a breakout goes."""

    breakout_id: str
    meeting_id: str
    number: int
    live: bool


@dataclass(frozen=True)
class News:
    """One event for everybody of a meeting, and where it stands in its breakout's log."""

    breakout_id: str
    meeting_id: str
    number: int
    event: str
    data: dict[str, Any]


def heads(session: Session, meeting_ids: Collection[str], breakout_ids: Collection[str] = ()) -> list[Head]:
    """Of the live breakouts of these meetings, and of these breakouts of theirs whether live or not."""
    statement = select(col(Breakout.id), col(Breakout.meeting_id), col(Breakout.events), col(Breakout.state)).where(
        col(Breakout.meeting_id).in_(meeting_ids),
        or_(col(Breakout.state).in_(LIVE), col(Breakout.id).in_(breakout_ids)),
    )
    return [
        Head(breakout_id, meeting_id, number, state in LIVE)
        for breakout_id, meeting_id, number, state in session.execute(statement)
    ]


def after(session: Session, cursors: Mapping[str, int]) -> list[News]:
    """What the logs of these breakouts have for streams beyond the number given for each, in order."""
    if not cursors:
        return []
    beyond = [
        and_(col(Event.breakout_id) == breakout_id, col(Event.number) > number)
        for breakout_id, number in cursors.items()
    ]
    statement = (
        select(Event, col(Breakout.meeting_id), col(Breakout.empties_at))
        .join(Breakout, col(Breakout.id) == col(Event.breakout_id))
        .where(or_(*beyond), col(Event.type) == "breakout.state")
        .order_by(col(Event.breakout_id), col(Event.number))
    )
    return [
        News(event.breakout_id, meeting_id, event.number, "closing", _countdown(event, empties_at))
        for event, meeting_id, empties_at in session.execute(statement)
        if event.data["to"] == BreakoutState.CLOSING
    ]


def _countdown(event: Event, empties_at: datetime | None) -> dict[str, Any]:
    """From the beginning of the closing until the seats point to main."""
    left = 0.0 if empties_at is None else (empties_at - event.at).total_seconds()
    return {"countdown_seconds": max(0, round(left))}
