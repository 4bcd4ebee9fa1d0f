"""A breakout's log as operators read it: a page at a time, from any number on."""

from collections.abc import Collection

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.errors import Unknown
from schemas.problems import ProblemCode
from schemas.responses import EventResponse, Page
from schemas.tables import Breakout, Event


def head(session: Session, breakout_id: str) -> int:
    """Return the number of the last event. Raises Unknown."""
    number = heads(session, [breakout_id]).get(breakout_id)
    if number is None:
        raise Unknown(f"there is no breakout {breakout_id}", ProblemCode.UNKNOWN_BREAKOUT)
    return number


def heads(session: Session, breakout_ids: Collection[str]) -> dict[str, int]:
    """Return the number of the last event of each breakout."""
    statement = select(col(Breakout.id), col(Breakout.events)).where(col(Breakout.id).in_(breakout_ids))
    return dict(session.execute(statement).all())


def after(session: Session, breakout_id: str, number: int, limit: int) -> list[EventResponse]:
    """Return the events after `number`, at most `limit`."""
    statement = (
        select(col(Event.number), col(Event.type), col(Event.at), col(Event.actor), col(Event.data))
        .where(col(Event.breakout_id) == breakout_id, col(Event.number) > number)
        .order_by(col(Event.number))
        .limit(limit)
    )
    return [
        EventResponse(id=number, type=kind, at=at, actor=actor, data=data)
        for number, kind, at, actor, data in session.execute(statement)
    ]


def log(session: Session, breakout_id: str, limit: int, seen: int | None, *, newest_first: bool) -> Page[EventResponse]:
    """Return the page of the log that follows the number that was seen last. Raises Unknown."""
    last = head(session, breakout_id)
    if newest_first:
        begin = last + 1 if seen is None else seen
        items = after(session, breakout_id, max(0, begin - 1 - limit), min(limit, max(0, begin - 1)))[::-1]
        more = bool(items) and items[-1].id > 1
    else:
        items = after(session, breakout_id, seen or 0, limit)
        more = bool(items) and items[-1].id < last
    return Page(items=items, next_cursor=str(items[-1].id) if more else None)
