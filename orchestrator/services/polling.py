"""When RealtimeKit is asked who is where: seldom while its webhooks tell, often enough when they do not."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.states import LIVE, BreakoutState, RoomState
from schemas.tables import Breakout, Meeting, Room

ROOMS_AT_FULL_PACE = 10
"""Polling more rooms than these is stretched in proportion: each costs two calls of a quota that all share."""
BACKSTOP = timedelta(minutes=5)
"""How often to ask although webhooks come: they are sent at least once (RealtimeKit docs), but we may be away."""


def watch(deps: Deps, tx: Transaction, breakout: Breakout) -> None:
    """From now on it matters who is where in this breakout's meeting, and that everybody has a token for it."""
    meeting = tx.session.get_one(Meeting, breakout.meeting_id, populate_existing=True)
    meeting.poll_at = next_poll(deps, tx, meeting, tx.now())
    due.want(tx, Meeting, [meeting.id])


def live_breakout(tx: Transaction, meeting_id: str) -> Breakout | None:
    """The meeting's breakout that is opening, open or closing, as it was last seen."""
    statement = select(Breakout).where(col(Breakout.meeting_id) == meeting_id, col(Breakout.state).in_(LIVE))
    return tx.session.scalar(statement)


def places_to_poll(tx: Transaction, meeting: Meeting, breakout: Breakout) -> dict[str, str | None]:
    """The RealtimeKit meetings to look for people in, with the room each belongs to; None: the parent.

    Once the seats point to main only that matters: what is left in rooms is put out in any case.
    """
    statement = select(col(Room.realtimekit_meeting_id), col(Room.id)).where(
        col(Room.breakout_id) == breakout.id, col(Room.state).in_([RoomState.OPEN, RoomState.CLOSING])
    )
    if breakout.emptied_at is not None:
        return {meeting.realtimekit_meeting_id: None}
    rooms = {found: room_id for found, room_id in tx.session.execute(statement) if found}
    return {meeting.realtimekit_meeting_id: None, **rooms}


def webhooks_come(meeting: Meeting, since: datetime | None) -> bool:
    """Whether RealtimeKit's webhooks are known to reach us: one about this meeting has, since then."""
    return since is not None and meeting.webhook_at is not None and meeting.webhook_at >= since


def next_poll(deps: Deps, tx: Transaction, meeting: Meeting, now: datetime) -> datetime | None:
    """When to ask next; None while no breakout runs. Often enough while closing to miss nobody's return."""
    breakout = live_breakout(tx, meeting.id)
    if breakout is None:
        return None
    if webhooks_come(meeting, breakout.emptied_at or breakout.starts_at):
        return now + BACKSTOP
    pace = timedelta(seconds=deps.settings.sync_seconds)
    if breakout.state is BreakoutState.CLOSING:
        pace = min(pace, max(deps.grace / 3, timedelta(seconds=1)))
    return now + pace * max(1.0, len(places_to_poll(tx, meeting, breakout)) / ROOMS_AT_FULL_PACE)
