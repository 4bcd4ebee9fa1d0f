"""When a scheduled breakout is prepared: so early that its calls leave half of the quota to others until the start."""

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from orchestrator.domain.distribution import rooms_needed
from orchestrator.domain.timing import preparing_takes
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store.queries import room_sizes
from schemas.states import PlanState
from schemas.tables import Participant


def plan_preparation(b: LockedBreakout, starts_at: datetime) -> None:
    """Store when the preparation for this start begins. That changes as people are registered, until they are dealt."""
    settings = b.deps.settings
    b.row.prepare_from = starts_at - preparing_takes(
        _calls(b),
        settings.realtimekit_requests_per_5_minutes,
        settings.realtimekit_quota_window_seconds,
        settings.prepare_ahead_seconds,
    )


def _calls(b: LockedBreakout) -> int:
    """Return how many calls the preparation takes at most: one for each room, and one for each person."""
    people, rooms = sum(room_sizes(b.tx.session, b.row.id).values()), len(b.rooms())
    if b.row.dealt_at is None or b.row.plan_state is PlanState.SOLVING:
        registered = select(func.count()).where(col(Participant.meeting_id) == b.row.meeting_id)
        people = max(people, b.tx.session.scalar(registered) or 0)
        rooms = max(rooms, rooms_needed(people, b.row.room_size)) if b.row.room_size else rooms
    return rooms + people
