"""The task that deals a plan with rules: read under the lock, solve outside of transactions, record under the lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.conflicts import keepable
from orchestrator.domain.distribution import Impossible, led
from orchestrator.domain.rounds import Met, deal_round
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.groups import Placed, seat_anew, seated
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.preparing import plan_preparation
from orchestrator.services.breakout.seating import report_no_place
from orchestrator.services.breakout.solving import Problem, problem
from orchestrator.services.deps import Deps
from orchestrator.services.passes.leased import start_pass
from orchestrator.services.planning.taking_back import give_up
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.solver import solving
from orchestrator.solver.extra import MissingExtra
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.due import Claim
from schemas.events import EventType
from schemas.states import PlanState
from schemas.tables import Solve


@dataclass(frozen=True)
class Found:
    """The people of each room, and whether nothing better exists as far as was proven."""

    groups: list[list[str]]
    optimal: bool


def solve(deps: Deps, breakout_id: str, claim: int) -> Result:
    """Look for groups that keep the rules of a plan, and seat people so, unless operators have changed it meanwhile."""
    with start_pass(deps, Solve, breakout_id, claim, _begin) as begun:
        if begun is None:
            return NOTHING_TO_DO
        fence = begun[0].claim
        with locked(deps, breakout_id) as b:
            due.record(b.tx, fence, progress=False)
            asked = problem(b)
            if asked is None:
                due.release(b.tx, fence, due_at=None)
                return NOTHING_TO_DO
        found = look_for(asked, deps.settings.solver_seconds)
        with locked(deps, breakout_id) as b:
            return _record(b, fence, asked, found)


def _begin(_: Deps, _tx: Transaction, breakout_ids: Sequence[str]) -> Mapping[str, None]:
    """Read nothing yet: what is asked is read under the lock of each breakout."""
    return dict.fromkeys(breakout_ids)


def look_for(asked: Problem, seconds: float) -> Found | str:
    """Return groups that keep the rules, or why there are none. Operators' moves go before rules.

    At a start there are always groups: rules that can't be kept are dropped.
    """
    constraints = replace(asked.constraints, rules=keepable(asked.constraints)[0])
    try:
        solved = solving.solve(constraints, asked.values, asked.seed, seconds, asked.groups)
    except (Impossible, MissingExtra) as error:
        if not asked.at_start:
            return str(error)
    else:
        return Found(solved.groups, solved.optimal)
    hosts = constraints.facilitators
    rooms = led(constraints.rooms, hosts, asked.seed)
    return Found(deal_round(constraints.people - hosts, rooms, asked.seed, Met(), constraints.rules).groups, False)


def _record(b: LockedBreakout, fence: Claim, asked: Problem, found: Found | str) -> Result:
    """Seat people, or give the plan up. An answer to what operators do not want any more is forgotten."""
    due.record(b.tx, fence)
    now = problem(b)
    row = b.tx.session.get_one(Solve, fence.row_id, populate_existing=True)
    if now is None:
        result = NOTHING_TO_DO
    elif row.generation != fence.generation or now.wish != asked.wish:
        due.want(b.tx, Solve, [row.id])
        result = Result("the plan was changed meanwhile")
    elif isinstance(found, str):
        give_up(b, row, found)
        result = Result("impossible")
    else:
        _seat(b, now, found)
        report_no_place(b, asked.left)
        result = Result("solved")
    due.release(b.tx, fence, due_at=None)
    return result


def _seat(b: LockedBreakout, now: Problem, found: Found) -> None:
    """Seat the people, but for those who are gone meanwhile. A start that waited for it has its time now."""
    b.lock_rooms()
    rooms = b.rooms()
    loose = [it for it, _ in seated(b) if not it.pinned]
    after = [
        Placed(room.id, now.ids[name])
        for room, group in zip(rooms, found.groups, strict=True)
        for name in group
        if name in now.ids
    ]
    seat_anew(b, rooms, loose, after)
    b.row.plan_state, b.row.plan_optimal = PlanState.READY, found.optimal
    b.is_dealt_by_solver = True
    b.log(EventType.BREAKOUT_CHANGED, {"fields": ["plan", "rooms", "unassigned"]})
    if b.row.starts_at is not None and b.row.starts_at != b.row.scheduled_for:
        b.row.starts_at = b.now
    elif b.row.starts_at is not None and b.row.starts_at > b.now:
        plan_preparation(b, b.row.starts_at)
