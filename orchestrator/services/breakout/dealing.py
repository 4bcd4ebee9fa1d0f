"""Dealing the people of a plan into its rooms: when it is made or changed, when it is prepared, or at its start."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlmodel import col

from orchestrator.domain.distribution import Impossible, RoomSpec, check_places, deal
from orchestrator.domain.evening import even_out
from orchestrator.errors import Malformed
from orchestrator.services.breakout import series
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.planned_rooms import add_rooms_for, fit_rooms
from orchestrator.services.breakout.seating import (
    Dealable,
    dealable,
    free_seats_of_the_absent,
    report_no_place,
    room_limit,
    seat_all,
    seat_further,
    seat_latecomers,
    take_seats_away,
)
from schemas.events import EventType
from schemas.problems import ProblemCode
from schemas.states import AssignmentMode, Deal, RoomWanted
from schemas.tables import Participant, Room, Seat


@dataclass(frozen=True)
class Placed:
    """A person in a room of a plan."""

    room_id: str
    participant_id: str
    pinned: bool = False


def deal_ahead(b: LockedBreakout) -> None:
    """Deal a plan that is about to be prepared. From then on people keep their rooms."""
    if b.row.dealt_at is None:
        _deal_for_good(b)


def deal_at_start(b: LockedBreakout) -> None:
    """Deal a plan that starts. Of one that was dealt before, only those are dealt who have come since."""
    if b.row.dealt_at is None:
        _deal_for_good(b)
    elif b.row.deal is Deal.NOW:
        seat_latecomers(b)
    elif b.row.mode is AssignmentMode.EVEN:
        free_seats_of_the_absent(b)
        late = dealable(b, never_seated=True)
        add_rooms_for(b, late)
        seat_further(b, late, b.row.room_size)


def deal_on_request(b: LockedBreakout) -> None:
    """Deal the people of a plan anew. Pinned people stay.

    Raises Malformed when somebody finds no place, or when more rooms would be needed than a breakout may have.
    """
    _deal(b, strict=True)


def _deal_for_good(b: LockedBreakout) -> None:
    """Replace the groups of a preview by groups of the people who are there now. Pinned people stay."""
    b.row.dealt_at = b.now
    if b.row.mode is not AssignmentMode.MANUAL and _deal(b, strict=False):
        b.log(EventType.BREAKOUT_CHANGED, {"fields": ["rooms"]})


def _deal(b: LockedBreakout, *, strict: bool) -> bool:
    """Deal, and return whether the groups have changed.

    1. Lock the rooms, because rooms are locked before seats.
    2. With `room_size`, make as many rooms as the people need now.
    3. Deal. Where the plan keeps its groups, move as few people as possible instead.
    4. Change the seats, and report the people for whom no place is left.
    """
    b.lock_rooms()
    before = _seated(b)
    pinned = [(it, name) for it, name in before if it.pinned]
    people = _to_deal(b, {name for _, name in pinned})
    rooms = fit_rooms(b, people, Counter(it.room_id for it, _ in pinned), strict=strict)
    groups, left = _groups(b, rooms, before, people, strict=strict)
    ids = people.ids
    after = [
        Placed(room.id, ids[name]) for room, group in zip(rooms, groups, strict=True) for name in group if name in ids
    ]
    loose = [it for it, _ in before if not it.pinned]
    _seat_anew(b, rooms, loose, after)
    report_no_place(b, left)
    return set(after) != set(loose)


def _to_deal(b: LockedBreakout, pinned: set[str]) -> Dealable:
    """Return whom the deal is for besides the pinned people."""
    if b.row.mode is AssignmentMode.MANUAL:
        return Dealable({})
    found = dealable(b)
    return Dealable({name: row_id for name, row_id in found.ids.items() if name not in pinned}, found.hosts)


def _groups(
    b: LockedBreakout, rooms: Sequence[Room], before: Sequence[tuple[Placed, str]], people: Dealable, *, strict: bool
) -> tuple[list[list[str]], list[str]]:
    """Return the people of each room, pinned people first, and the people for whom there is no place."""
    pinned, members = (
        [[name for it, name in seated if it.room_id == room.id] for room in rooms]
        for seated in ([one for one in before if one[0].pinned is wanted] for wanted in (True, False))
    )
    specs = [
        RoomSpec(tuple(names), room_limit(room, b.row.room_size)) for room, names in zip(rooms, pinned, strict=True)
    ]
    if b.row.mode is AssignmentMode.SELF_SELECT:
        return pinned, []
    if strict:
        _check_places(people, specs)
    if b.row.series_id is not None:
        return series.deal_anew(b, specs, people)
    if b.row.keeps_groups:
        return even_out(members, people.ids, specs, b.row.seed)
    return deal(people.ids, specs, b.row.seed, people.hosts)


def _check_places(people: Dealable, specs: Sequence[RoomSpec]) -> None:
    try:
        check_places(people.ids, specs, people.hosts)
    except Impossible as error:
        raise Malformed(str(error), ("body", "rooms"), ProblemCode.IMPOSSIBLE_PLAN) from error


def _seated(b: LockedBreakout) -> list[tuple[Placed, str]]:
    """Return everybody's present seat, and the caller's own id of the person."""
    b.tx.session.flush()
    columns = col(Seat.room_id), col(Seat.participant_id), col(Seat.pinned), col(Participant.custom_participant_id)
    statement = select(*columns).join(Participant, col(Participant.id) == col(Seat.participant_id))
    which = col(Seat.breakout_id) == b.row.id, col(Seat.wanted)
    rows = b.tx.session.execute(statement.where(*which).order_by(col(Seat.id)))
    return [(Placed(room_id, participant_id, pinned), name) for room_id, participant_id, pinned, name in rows]


def _seat_anew(b: LockedBreakout, rooms: Sequence[Room], before: Sequence[Placed], after: Sequence[Placed]) -> None:
    """Take away the seats that are in `before` alone, and give those that are in `after` alone."""
    stay = set(before) & set(after)
    take_seats_away(b, [it.participant_id for it in before if it not in stay])
    new = [it for it in after if it not in stay]
    if all(room.wanted is RoomWanted.NOTHING for room in rooms):
        b.tx.session.execute(delete(Seat).where(col(Seat.breakout_id) == b.row.id, ~col(Seat.wanted)))
        insert_seats(b, new)
        return
    people: Mapping[str, dict[str, Seat | None]] = {room.id: {} for room in rooms}
    for it in new:
        people[it.room_id][it.participant_id] = None
    seat_all(b, [(room, people[room.id]) for room in rooms])


def insert_seats(b: LockedBreakout, placed: Sequence[Placed]) -> None:
    """Insert the seats of a plan in one statement. They are not logged: the log of a plan tells its changes."""
    rows = [
        Seat(breakout_id=b.row.id, room_id=it.room_id, participant_id=it.participant_id, pinned=it.pinned)
        for it in placed
    ]
    if rows:
        b.tx.session.execute(insert(Seat), [row.model_dump() for row in rows])
