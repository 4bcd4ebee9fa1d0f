"""Plans whose groups must keep rules: what the solver's task is asked, and the wait for it.

The solver itself is asked by `services/planning/solving.py`, outside of any transaction.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.balance import Values
from orchestrator.domain.conflicts import check
from orchestrator.domain.constraints import Constraints
from orchestrator.domain.distribution import Impossible, RoomSpec, shuffled
from orchestrator.errors import Malformed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.continued import evened_out
from orchestrator.services.breakout.earlier import Change, Plan, both, everybody, remember
from orchestrator.services.breakout.groups import Placed, seated, specs_of, to_deal
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
    groups: tuple[tuple[str, ...], ...]
    """The people of each room, of whom as few as possible are to move; empty for a plan that is dealt all anew."""
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


def begin(b: LockedBreakout, before: Plan | None, *, at_start: bool) -> None:
    """Leave the groups of a plan to the solver's task. `before` is what the plan was; None for a new one."""
    is_under_way = b.row.plan_state is PlanState.SOLVING
    b.row.plan_state, b.row.plan_optimal = PlanState.SOLVING, None
    row = b.tx.session.get(Solve, b.row.id, populate_existing=True)
    if row is None:
        row = Solve(id=b.row.id)
        b.tx.session.add(row)
    row.is_new = before is None or (is_under_way and row.is_new)
    row.earlier = cast(Any, _change(b, before, cast(Any, row.earlier) if is_under_way else None))
    row.at_start = at_start
    due.want(b.tx, Solve, [b.row.id])


def _change(b: LockedBreakout, before: Plan | None, first: Change | None) -> Change | None:
    """Return what is taken back if it is impossible, with a first change whose groups are still looked for."""
    if before is None:
        return None
    change = Change(before=before, after=remember(b))
    return both(first, change, everybody(b)) if first else change


def problem(b: LockedBreakout) -> Problem | None:
    """Return what the solver is to be asked now; None when the plan needs no groups any more."""
    if b.row.plan_state is not PlanState.SOLVING or b.row.state not in PLANNED:
        return None
    rooms, seats = b.rooms(), seated(b)
    pinned = [(it, name) for it, name in seats if it.pinned]
    people = to_deal(b, {name for _, name in pinned})
    groups = _groups_before(b, rooms, seats, people)
    whole = _constraints(b, rooms, pinned, people, groups)
    left = _without_place(whole, b.row.seed, frozenset(chain(*groups)))
    return Problem(
        constraints=whole.among(whole.everybody - left),
        values=_values(b),
        seed=b.row.seed,
        at_start=b.tx.session.get_one(Solve, b.row.id, populate_existing=True).at_start,
        left=tuple(sorted(left)),
        groups=groups,
        ids=people.ids,
        wish=_wish(b, rooms, pinned),
    )


def _groups_before(
    b: LockedBreakout, rooms: Sequence[Room], seats: Sequence[tuple[Placed, str]], people: Dealable
) -> tuple[tuple[str, ...], ...]:
    """Return the groups of the breakout that a plan continues, evened out as if there were no rules."""
    if b.row.continues is None:
        return ()
    specs = specs_of(b, rooms, [(it, name) for it, name in seats if it.pinned])
    return tuple(map(tuple, evened_out(b, rooms, specs, seats, people)[0]))


def _constraints(
    b: LockedBreakout,
    rooms: Sequence[Room],
    pinned: Sequence[tuple[Placed, str]],
    people: Dealable,
    groups: Sequence[Sequence[str]] = (),
) -> Constraints:
    specs = specs_of(b, rooms, pinned)
    hosts = people.hosts & people.ids.keys()
    leaders = hosts.intersection(chain(*groups)) if groups else _leaders(hosts, specs, people.hosts, b.row.seed)
    dealt = people.ids.keys() - hosts | leaders
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


def _without_place(whole: Constraints, seed: int, members: Collection[str]) -> frozenset[str]:
    """Return the people who are too many for the limits, chosen by the seed, `members` last."""
    limits = [room.max_participants for room in whole.rooms]
    places = sum(max(0, (limit or 0) - len(room.pinned)) for limit, room in zip(limits, whole.rooms, strict=True))
    if None in limits:
        return frozenset()
    others = shuffled(sorted(whole.people - set(whole.pins)), random.Random(seed))  # noqa: S311 - guards nothing
    others.sort(key=lambda name: name not in members)
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
    settings = row.seed, row.mode, row.who, row.include_hosts, row.together, row.apart, row.balance_by, row.continues
    places = [(room.id, room_limit(room, row.room_size)) for room in rooms]
    return settings, sorted(row.kept_in_main), places, {it for it, _ in pinned}
