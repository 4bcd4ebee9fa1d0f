"""A dry run: what would be planned, and what opening it would take. Nothing is written."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from sqlmodel import Session

from orchestrator.domain.predicting import Conditions, opening_seconds, pace
from orchestrator.realtimekit.quota.budget import Budget, usable_of
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.clock import too_late
from orchestrator.services.breakout.locked import made
from orchestrator.services.breakout.opening import live_breakout
from orchestrator.services.deps import Deps
from orchestrator.services.planning.creating import create
from orchestrator.services.planning.openings import last_openings
from schemas.requests import BreakoutRequest
from schemas.responses import BreakoutResponse, CallsResponse
from schemas.states import PlanState
from schemas.tables import Breakout

T = TypeVar("T")


def rehearse(
    deps: Deps, meeting_id: str, body: BreakoutRequest, look: Callable[[Session, str], T]
) -> tuple[T, list[str]]:
    """Plan a breakout, look at it, and take all of it back. Returns also what stands in the way of its start.

    Raises as creating does. One that is to start at once is planned as a draft, so that what stands in its way is said.
    """
    planned = body.model_copy(update={"start": "manual"}) if body.start == "now" else body
    with deps.database.transaction() as tx:
        within = replace(deps, database=deps.database.within(tx))
        breakout_id = create(within, meeting_id, planned)
        with made(within, tx, tx.session.get_one(Breakout, breakout_id)) as b:
            conflicts = _conflicts(b)
        tx.session.expire_all()
        found = look(tx.session, breakout_id)
        tx.undo()
        return found, conflicts


def calls_of(breakout: BreakoutResponse) -> CallsResponse:
    """Return the calls by which a planned breakout is opened, also while its groups are still looked for."""
    create_, add = len(breakout.rooms), sum(len(room.participants) for room in breakout.rooms)
    filled = sum(bool(room.participants) for room in breakout.rooms)
    if breakout.plan.state is PlanState.SOLVING:
        add += len(breakout.unassigned)
        filled = min(create_, add)
    record = filled if breakout.record else 0
    return CallsResponse(create=create_, add=add, record=record, total=create_ + add + record)


def seconds_of(deps: Deps, calls: CallsResponse, call_seconds: float) -> float:
    """Return how long an opening by these calls takes, when one of them takes `call_seconds`."""
    settings = deps.settings
    window = settings.realtimekit_quota_window_seconds
    budget = Budget(usable_of(settings.realtimekit_requests_per_5_minutes), window)
    conditions = Conditions(
        call_seconds=call_seconds,
        in_flight=settings.realtimekit_concurrency,
        cap=budget.caps()[list(Priority).index(Priority.OPENING)],
        window_seconds=window,
    )
    with deps.database.reading() as session:
        here = pace(last_openings(session), conditions)
    return round(opening_seconds(calls.create, calls.add, conditions, here), 1)


def _conflicts(b: LockedBreakout) -> list[str]:
    """Return what stands in the way of the start. A scheduled one waits until another breakout has ended."""
    live = live_breakout(b) if b.row.starts_at is None else None
    found = [] if live is None else [f"another breakout of this meeting, {live.name}, is {live.state}"]
    why = too_late(b, b.row.starts_at or b.now)
    return found + ([why] if why else [])
