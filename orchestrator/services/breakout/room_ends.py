"""Rooms that close by themselves while their breakout goes on: by their own end, deleted, or dissolved into others.

A room whose own end comes is `closing`, and works on as before until its countdown is over. Then it goes the way of a
breakout that closes: its seats point to main, it is closed when it is empty or after the grace, and after another one
whoever was not seen in main is lost. A deleted room begins there. A dissolved one is `closing` until the tokens of its
people for their other rooms are there.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import and_, or_, select
from sqlmodel import col

from orchestrator import metrics
from orchestrator.domain import room_clocks
from orchestrator.domain.lifecycle import can_move
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.clock import empties_by_parents_end
from orchestrator.services.breakout.emptying import call_home, surely_empty
from orchestrator.services.breakout.missing import give_up_in_rooms
from orchestrator.services.breakout.retiring import want_closed
from orchestrator.services.breakout.seating import take_back_moves
from schemas.events import Actor, EventType
from schemas.states import COMING, CloseReason, RoomState, RoomWanted, SeatState
from schemas.tables import Room, Seat

OVER = frozenset({RoomState.CLOSED, RoomState.FAILED})
"""States of a room in which nobody is any more."""


def rooms_may_close(b: LockedBreakout) -> bool:
    """Return whether rooms close as they empty: after everybody was sent home, or one by one."""
    return b.row.sent_home_at is not None or b.row.rooms_look_at is not None


def rooms_step(b: LockedBreakout) -> None:
    """Do what is due by the rooms' own clocks, and store when that is to be looked at next.

    1. Begin the countdown of rooms whose own end has come, and warn before it.
    2. Point the seats of rooms to main whose countdown is over.
    3. Want those closed that are empty, and all after the grace.
    4. After another grace, count people who were not seen in main as lost.

    A block that has locked some rooms only leaves all that to the breakout's task.
    """
    if b.row.rooms_look_at is None:
        return
    rooms = _with_clocks(b)
    if not b.may_lock_rooms and any(_needs_step(b, room) for room in rooms):
        b.row.rooms_look_at = b.now
        return
    if any(_needs_step(b, room) for room in rooms):
        b.lock_rooms()
        with b.acting(Actor.TIMER):
            _begin_countdowns(b, rooms)
            _warn(b, rooms)
            _send_home(b, rooms)
        _want_closed(b, rooms)
        _give_up(b, rooms)
    b.row.rooms_look_at = room_clocks.next_look(rooms, b.row, b.now, b.deps.grace, b.deps.look_again)


def begin_closing(b: LockedBreakout, room: Room, reason: CloseReason, empties_after: timedelta | None) -> None:
    """Begin to close one room. Its seats point to main after that time; None: when its people have other places."""
    room.close_reason, room.paused_with_seconds = reason, None
    if reason is not CloseReason.TIMER or room.own_end is None:
        room.own_end = b.now
    room.empties_at = None if empties_after is None else empties_by_parents_end(b, b.now + empties_after)
    b.row.rooms_look_at = b.now
    if can_move(room.state, RoomState.CLOSING):
        b.move_rooms([room], RoomState.CLOSING)
    b.people.raise_versions()


def send_home(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Point the seats of these rooms to main. People who were about to come from another room stay in that one.

    People of a deleted room have no seat any more.
    """
    found = b.seats_of_rooms([room.id for room in rooms])
    coming = [seat for room in rooms for seat in found[room.id] if seat.state in COMING]
    stay = {seat.id for seat in coming} - {seat.id for seat in take_back_moves(b, coming, into_open=True)}
    for room in rooms:
        seats = [seat for seat in found[room.id] if seat.id not in stay]
        call_home(b, seats)
        room.sent_home_at = b.now
        room.empties_at = room.empties_at or b.now
        room.gives_up_at = b.now + 2 * b.deps.grace
        for seat in seats if room.deleted else ():
            seat.wanted = False
    b.tx.session.flush()
    b.people.raise_versions()


def why_all_are_over(b: LockedBreakout) -> CloseReason | None:
    """Return why a breakout closes whose last room has closed: that room's own end, or an operator. None: it goes on.

    A breakout all of whose rooms have failed goes on.
    """
    b.tx.session.flush()
    rooms = b.rooms()
    closed = [room for room in rooms if room.state is RoomState.CLOSED]
    if not closed or any(room.state not in OVER for room in rooms):
        return None
    last = max(closed, key=lambda room: (room.retired_at or room.sent_home_at or b.now, room.id))
    return CloseReason.TIMER if last.close_reason is CloseReason.TIMER else CloseReason.API


def _with_clocks(b: LockedBreakout) -> list[Room]:
    """Return the rooms that have an end of their own, or close by themselves, in their order."""
    b.tx.session.flush()
    is_open = col(Room.own_end).is_not(None), col(Room.state) != RoomState.CLOSING
    has_clock = or_(col(Room.close_reason).is_not(None), and_(*is_open))
    going_on = or_(col(Room.state).not_in(OVER), col(Room.gives_up_at).is_not(None))
    statement = select(Room).where(col(Room.breakout_id) == b.row.id, ~col(Room.dropped), has_clock, going_on)
    return list(b.tx.session.scalars(statement.order_by(col(Room.index))))


def _needs_step(b: LockedBreakout, room: Room) -> bool:
    """Return whether something may be due for a room. One that is sent home may be empty by now."""
    if room.state is RoomState.CLOSING:
        return room.empties_at is None or room.empties_at <= b.now
    is_over = room.gives_up_at is not None
    return is_over or room_clocks.has_ended(room, b.row, b.now) or bool(room_clocks.warning_due(room, b.row, b.now))


def _begin_countdowns(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Begin to close the rooms whose own end has come. A room in which nobody can be yet needs no countdown."""
    for room in rooms:
        if room.own_end is not None and room_clocks.has_ended(room, b.row, b.now):
            b.tx.count(partial(metrics.count_lateness, "closes_at", b.now - room.own_end))
            seconds = b.row.countdown_seconds if room.state is RoomState.OPEN else 0
            begin_closing(b, room, CloseReason.TIMER, timedelta(seconds=seconds))


def _warn(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Give the warnings before rooms' own ends that are due, one for all rooms that have the same time left."""
    warned: defaultdict[int, list[Room]] = defaultdict(list)
    for room in rooms:
        if (seconds := room_clocks.warning_due(room, b.row, b.now)) is not None:
            warned[seconds].append(room)
            room.warned_until = b.now
    for seconds, some in sorted(warned.items(), reverse=True):
        b.log(EventType.BREAKOUT_WARNING, {"remaining_seconds": seconds, "room_ids": [room.id for room in some]})


def _send_home(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Send the people of rooms home whose countdown is over. A dissolved one waits until they can go elsewhere."""
    waiting = [room for room in rooms if room.state is RoomState.CLOSING and room.sent_home_at is None]
    kept = _kept_places(b, [room.id for room in waiting if room.empties_at is None])
    ready = [room for room in waiting if (room.id not in kept if room.empties_at is None else room.empties_at <= b.now)]
    if ready:
        send_home(b, ready)


def _kept_places(b: LockedBreakout, room_ids: Sequence[str]) -> set[str]:
    """Return the rooms where people stay until the tokens for their new ones are there."""
    if not room_ids:
        return set()
    of_mover = select(col(Seat.previous_id)).where(
        col(Seat.breakout_id) == b.row.id,
        col(Seat.wanted),
        col(Seat.state).in_(COMING),
        col(Seat.error).is_(None),
        col(Seat.previous_id).is_not(None),
    )
    statement = select(col(Seat.room_id)).where(col(Seat.room_id).in_(room_ids), col(Seat.id).in_(of_mover))
    return set(b.tx.session.scalars(statement.distinct()))


def _want_closed(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Want rooms closed whose people were sent home: the empty ones at once, the others after the grace."""
    b.tx.session.flush()
    leaving = {
        room.id: room.sent_home_at
        for room in rooms
        if room.state is RoomState.CLOSING and room.sent_home_at and room.wanted is not RoomWanted.CLOSED
    }
    late = {room_id for room_id, since in leaving.items() if b.now >= since + b.deps.grace}
    if ids := late | surely_empty(b, leaving.keys() - late):
        want_closed(b, ids)


def _give_up(b: LockedBreakout, rooms: Sequence[Room]) -> None:
    """Count the missing of rooms as lost whose time is over. A closed room of which nobody is missing needs no look."""
    give_up_in_rooms(b, [room for room in rooms if room.gives_up_at and room.gives_up_at <= b.now])
    b.tx.session.flush()
    over = [room for room in rooms if room.gives_up_at and room.state is RoomState.CLOSED]
    missing = select(col(Seat.room_id)).where(
        col(Seat.room_id).in_([room.id for room in over]), col(Seat.state) == SeatState.RETURNING
    )
    waited_for = set(b.tx.session.scalars(missing.distinct())) if over else set()
    for room in over:
        if room.id not in waited_for:
            room.gives_up_at = None
