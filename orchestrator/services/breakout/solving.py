"""Plans whose groups must keep rules: what the solver's task is asked, and the wait for it.

The solver itself is asked by `services/planning/solving.py`, outside of any transaction.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.balance import Values
from orchestrator.domain.conflicts import check
from orchestrator.domain.constraints import Constraints
from orchestrator.domain.distribution import Impossible, RoomSpec, shuffled
from orchestrator.errors import Malformed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.earlier import Earlier, before_both, differences
from orchestrator.services.breakout.groups import Placed, seated, to_deal
from orchestrator.services.breakout.rules import rules
from orchestrator.services.breakout.seating import Dealable, room_limit
from orchestrator.store import due
from schemas.problems import ProblemCode
from schemas.states import PLANNED, AssignmentMode, PlanState
from schemas.tables import Participant, Room, Solve


@dataclass(frozen=True)
class Problem:
    """What the solver is asked, and how its answer is seated."""

    constraints: Constraints
    values: Values
    seed: int
    at_start: bool
    """Whether rules that can't be kept are dropped, because the groups are those of a start."""
    left: tuple[str, ...]
    """People for whom there is no place, whatever the rules say."""
    ids: Mapping[str, str]
    """Our ids of the people who are dealt, by the callers' own."""
    wish: Any
    """What operators have decided. An answer to another wish is of no use."""


def require_possible(b: LockedBreakout, rooms: Sequence[Room], pinned: Sequence[tuple[Placed, str]]) -> None:
    """Raise Malformed for rules that contradict each other, the pins or the limits, in words that name the people."""
    people = to_deal(b, {name for _, name in pinned}) if b.row.mode is AssignmentMode.EVEN else Dealable({})
    try:
        check(_constraints(b, rooms, pinned, people))
    except Impossible as error:
        raise Malformed(str(error), ("body", "assignment"), ProblemCode.IMPOSSIBLE_PLAN) from error


def begin(b: LockedBreakout, before: Earlier | None, *, at_start: bool) -> None:
    """Leave the groups of a plan to the solver's task. `before` is what the plan was; None for a new one."""
    is_under_way = b.row.plan_state is PlanState.SOLVING
    b.row.plan_state, b.row.plan_optimal = PlanState.SOLVING, None
    row = b.tx.session.get(Solve, b.row.id, populate_existing=True)
    if row is None:
        row = Solve(id=b.row.id)
        b.tx.session.add(row)
    changed = before and differences(b, before)
    row.earlier = before_both(row.earlier, changed) if is_under_way else changed
    row.at_start = at_start
    due.want(b.tx, Solve, [b.row.id])


def problem(b: LockedBreakout) -> Problem | None:
    """Return what the solver is to be asked now; None when the plan needs no groups any more."""
    if b.row.plan_state is not PlanState.SOLVING or b.row.state not in PLANNED:
        return None
    rooms = b.rooms()
    pinned = [(it, name) for it, name in seated(b) if it.pinned]
    people = to_deal(b, {name for _, name in pinned})
    whole = _constraints(b, rooms, pinned, people)
    left = _without_place(whole, b.row.seed)
    return Problem(
        constraints=whole.among(whole.everybody - left),
        values=_values(b),
        seed=b.row.seed,
        at_start=b.tx.session.get_one(Solve, b.row.id, populate_existing=True).at_start,
        left=tuple(sorted(left)),
        ids=people.ids,
        wish=_wish(b, rooms, pinned),
    )


def _constraints(
    b: LockedBreakout, rooms: Sequence[Room], pinned: Sequence[tuple[Placed, str]], people: Dealable
) -> Constraints:
    names = {room.id: tuple(sorted(name for it, name in pinned if it.room_id == room.id)) for room in rooms}
    specs = tuple(RoomSpec(names[room.id], room_limit(room, b.row.room_size)) for room in rooms)
    hosts = people.hosts & people.ids.keys()
    dealt = people.ids.keys() - hosts | _leaders(hosts, specs, people.hosts, b.row.seed)
    return Constraints(
        frozenset(dealt), specs, tuple(room.name for room in rooms), rules(b), people.hosts & (dealt | _pinned(specs))
    )


def _leaders(
    hosts: Collection[str], specs: Sequence[RoomSpec], all_hosts: Collection[str], seed: int
) -> frozenset[str]:
    """Return the hosts who get a room, one where no host is pinned; further hosts stay in main."""
    rooms = sum(
        set(spec.pinned).isdisjoint(all_hosts)
        and (spec.max_participants is None or len(spec.pinned) < spec.max_participants)
        for spec in specs
    )
    return frozenset(shuffled(sorted(hosts), random.Random(seed))[:rooms])  # noqa: S311 - guards nothing


def _without_place(whole: Constraints, seed: int) -> frozenset[str]:
    """Return the people who are too many for the limits, chosen by the seed."""
    limits = [room.max_participants for room in whole.rooms]
    places = sum(max(0, (limit or 0) - len(room.pinned)) for limit, room in zip(limits, whole.rooms, strict=True))
    if None in limits:
        return frozenset()
    others = shuffled(sorted(whole.people - set(whole.pins)), random.Random(seed))  # noqa: S311 - guards nothing
    return frozenset(others[places:])


def _pinned(specs: Sequence[RoomSpec]) -> frozenset[str]:
    return frozenset(name for spec in specs for name in spec.pinned)


def _values(b: LockedBreakout) -> Values:
    """Return the values of each attribute that is to be balanced."""
    if not b.row.balance_by:
        return {}
    columns = col(Participant.custom_participant_id), col(Participant.attributes)
    rows = b.tx.session.execute(select(*columns).where(col(Participant.meeting_id) == b.row.meeting_id)).all()
    return {key: {name: values[key] for name, values in rows if key in values} for key in b.row.balance_by}


def _wish(b: LockedBreakout, rooms: Sequence[Room], pinned: Sequence[tuple[Placed, str]]) -> Any:
    row = b.row
    settings = row.seed, row.mode, row.who, row.include_hosts, row.together, row.apart, row.balance_by
    places = [(room.id, room_limit(room, row.room_size)) for room in rooms]
    return settings, sorted(row.kept_in_main), places, {it for it, _ in pinned}
