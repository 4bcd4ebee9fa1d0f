"""Dealing the people of a plan into its rooms: when it is made or changed, when it is prepared, or at its start."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from orchestrator.domain.distribution import Impossible, RoomSpec, check_places, deal
from orchestrator.domain.rounds import Met
from orchestrator.errors import Malformed
from orchestrator.services.breakout import series, solving
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.continued import evened_out
from orchestrator.services.breakout.earlier import Plan, remember
from orchestrator.services.breakout.groups import Placed, seat_anew, seated, specs_of, to_deal
from orchestrator.services.breakout.planned_rooms import add_rooms_for, fit_rooms
from orchestrator.services.breakout.rules import has_rules, is_solved
from orchestrator.services.breakout.seating import (
    Dealable,
    dealable,
    free_seats_of_the_absent,
    report_no_place,
    seat_further,
    seat_latecomers,
)
from schemas.events import EventType
from schemas.problems import ProblemCode
from schemas.states import AssignmentMode, Deal, PlanState
from schemas.tables import Room


def deal_ahead(b: LockedBreakout) -> None:
    """Deal a plan that is about to be prepared. From then on people keep their rooms."""
    if b.row.dealt_at is None:
        _deal_for_good(b)


def deal_at_start(b: LockedBreakout) -> None:
    """Deal a plan that starts. Of one that was dealt before, only those are dealt who have come since.

    Rooms are locked first: people may get seats again that they had, and the opening changes rooms after that.
    """
    b.lock_rooms()
    if b.row.dealt_at is None:
        _deal_for_good(b)
    elif b.row.deal is Deal.NOW:
        seat_latecomers(b)
    elif b.row.mode is AssignmentMode.EVEN:
        free_seats_of_the_absent(b)
        late = dealable(b, never_seated=True)
        add_rooms_for(b, late)
        seat_further(b, late, b.row.room_size)


def deal_on_request(b: LockedBreakout, before: Plan | None = None, met: Met | None = None) -> None:
    """Deal the people of a plan anew. Pinned people stay. Where rules are to be kept, the solver's task deals.

    `before` is what such a plan was; without it, it is new. `met` is who meets in the rounds before this one, which is
    then added; without it they are read. Raises Malformed when somebody finds no place, when more rooms would be needed
    than a breakout may have, and for rules that are impossible as far as that is plain.
    """
    _deal(b, strict=True, before=before, met=met)


def is_solving(b: LockedBreakout) -> bool:
    """Return whether the solver's task has to deal a plan before it is prepared or started.

    That is so also for a preview with rules: among those who are there now the task begins to look for groups.
    """
    if b.row.dealt_at is None and is_solved(b.row) and b.row.plan_state is PlanState.READY:
        _deal_for_good(b)
    return b.row.plan_state is PlanState.SOLVING


def _deal_for_good(b: LockedBreakout) -> None:
    """Replace the groups of a preview by groups of the people who are there now. Pinned people stay."""
    before = remember(b) if is_solved(b.row) else None
    b.row.dealt_at = b.now
    if b.row.mode is not AssignmentMode.MANUAL and _deal(b, strict=False, before=before):
        b.log(EventType.BREAKOUT_CHANGED, {"fields": ["rooms"]})


def _deal(b: LockedBreakout, *, strict: bool, before: Plan | None, met: Met | None = None) -> bool:
    """Deal, and return whether the groups have changed.

    1. Lock the rooms, because rooms are locked before seats.
    2. With `room_size`, make as many rooms as the people need now.
    3. Where rules are to be kept, leave the groups to the solver's task: nobody but pinned people is seated until then.
    4. Deal. Where the plan continues a breakout, move as few people as possible instead.
    5. Change the seats, and report the people for whom no place is left.
    """
    b.lock_rooms()
    now = seated(b)
    pinned = [(it, name) for it, name in now if it.pinned]
    loose = [it for it, _ in now if not it.pinned]
    people = to_deal(b, {name for _, name in pinned})
    rooms = fit_rooms(b, people, Counter(it.room_id for it, _ in pinned), strict=strict)
    if strict and has_rules(b.row):
        solving.require_possible(b, rooms, pinned)
    if is_solved(b.row) and people.ids and rooms:
        seat_anew(b, rooms, loose, [])
        solving.begin(b, before, at_start=not strict)
        return bool(loose)
    b.row.plan_state, b.row.plan_optimal = PlanState.READY, None
    groups, left = _groups(b, rooms, now, people, met, strict=strict)
    ids = people.ids
    after = [
        Placed(room.id, ids[name]) for room, group in zip(rooms, groups, strict=True) for name in group if name in ids
    ]
    seat_anew(b, rooms, loose, after)
    report_no_place(b, left)
    return set(after) != set(loose)


def _groups(
    b: LockedBreakout,
    rooms: Sequence[Room],
    before: Sequence[tuple[Placed, str]],
    people: Dealable,
    met: Met | None,
    *,
    strict: bool,
) -> tuple[list[list[str]], list[str]]:
    """Return the people of each room, pinned people first, and the people for whom there is no place."""
    specs = specs_of(b, rooms, [(it, name) for it, name in before if it.pinned])
    chooses = b.row.mode is AssignmentMode.SELF_SELECT
    if strict:
        _check_places({} if chooses else people.ids, specs, people.hosts)
    if chooses:
        return [list(spec.pinned) for spec in specs], []
    if b.row.series_id is not None:
        return series.deal_anew(b, specs, people, met)
    if b.row.continues is not None:
        return evened_out(b, rooms, specs, before, people)
    return deal(people.ids, specs, b.row.seed, people.hosts)


def _check_places(people: Iterable[str], specs: Sequence[RoomSpec], hosts: Collection[str]) -> None:
    try:
        check_places(people, specs, hosts)
    except Impossible as error:
        raise Malformed(str(error), ("body", "rooms"), ProblemCode.IMPOSSIBLE_PLAN) from error
