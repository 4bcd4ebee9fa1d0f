"""Opening a breakout: preparing its rooms, starting it, and when it counts as open or as failed."""

from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlmodel import col

from orchestrator.errors import WrongState
from orchestrator.services.breakout import failing, keeping_recorded
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.clock import require_time_left, set_end
from orchestrator.services.breakout.closing import start_countdown
from orchestrator.services.breakout.dealing import deal_at_start
from orchestrator.services.breakout.invitations import invite
from orchestrator.services.breakout.planned_rooms import require_rooms
from orchestrator.services.breakout.retiring import has_unretired_rooms, want_anew
from orchestrator.services.breakout.reusing import take_over
from orchestrator.services.breakout.room_ends import OVER, rooms_step
from orchestrator.services.breakout.timer import close_in_time, close_with_last_room, timer_step
from orchestrator.services.breakout.watching import watch_people, watch_started
from orchestrator.store import due
from orchestrator.store.queries import holds, lock_meeting
from orchestrator.store.versions import PLACES
from schemas.problems import ProblemCode
from schemas.states import (
    ACCOUNTED,
    COMING,
    LIVE,
    BreakoutState,
    CloseReason,
    OnRoomFailure,
    RoomState,
    RoomWanted,
    SeatState,
)
from schemas.tables import IS_LIVE, Breakout, Room

STARTED = ("state", "starts_at", *PLACES)
"""The fields of B that a start changes."""
COMING_UP = frozenset({RoomState.PLANNED, RoomState.PREPARING, RoomState.READY})
"""States of a room that is still to open."""
STUCK_FAILURES = 3
"""A room with so many failures of its own (rooms/patience.py) delays nobody beyond the opening's deadline."""


def begin_preparing(b: LockedBreakout) -> None:
    """Make the rooms of a draft or scheduled breakout ahead of its start, by the breakout's task."""
    b.row.prepare_from = b.now
    b.count_change("rooms")
    b.leave_to_task()


def require_startable(b: LockedBreakout) -> None:
    """Raise WrongState while another breakout of the meeting is live.

    Raise Malformed when the meeting ends too soon, and for a plan without rooms.
    """
    lock_meeting(b.tx, b.row.meeting_id)
    require_time_left(b, b.now)
    live = live_breakout(b)
    if live is not None:
        words = f"another breakout of this meeting is {live.state}; at most one runs at a time"
        allowed = [state.value for state in BreakoutState if state not in LIVE]
        raise WrongState(words, live.state.value, allowed, ProblemCode.BREAKOUT_RUNNING, breakout_id=live.id)
    require_rooms(b)


def begin_opening(b: LockedBreakout) -> None:
    """Start a draft or scheduled breakout whose groups need no solver any more, in a locked meeting."""
    b.move(BreakoutState.OPENING)
    b.row.starts_at = b.now
    b.row.awaits_round = False
    b.row.opening_until = b.now + timedelta(seconds=b.deps.settings.opening_deadline_seconds)
    deal_at_start(b)
    b.people.raise_versions()


def opening_step(b: LockedBreakout) -> None:
    """Open the rooms; the breakout is open when each room is open or has failed, but for those that are deleted."""
    if close_in_time(b):
        return
    want_rooms(b, RoomWanted.OPEN)
    rooms_step(b)
    counts = _room_states(b)
    if b.row.opening_until and b.now >= b.row.opening_until and counts.get(RoomState.OPEN):
        _fail_stuck_rooms(b)
        counts = _room_states(b)
    if counts.get(RoomState.FAILED) and b.row.on_room_failure is OnRoomFailure.ABORT:
        start_countdown(b, CloseReason.ABORTED)
    elif set(counts) <= {RoomState.FAILED}:
        if not has_unretired_rooms(b):
            _fail(b)
    elif counts.get(RoomState.OPEN) and not counts.keys() & COMING_UP:
        _become_open(b)
    elif set(counts) <= OVER:
        close_with_last_room(b)


def open_step(b: LockedBreakout) -> None:
    """Take the step of an open breakout, and the rest of an opening that a countdown had broken into."""
    if b.row.opening_until is None or not _finish_opening(b):
        timer_step(b)


def _finish_opening(b: LockedBreakout) -> bool:
    """Do for rooms that fail what an opening does. Returns whether the breakout closes for it.

    It has been open since the countdown was called off, so it can't fail any more.
    """
    counts = _room_states(b)
    if not counts.keys() & COMING_UP:
        b.row.opening_until = None
    has_failed = counts.get(RoomState.FAILED) and b.row.on_room_failure is OnRoomFailure.ABORT
    if not has_failed and counts.keys() != {RoomState.FAILED}:
        return False
    start_countdown(b, CloseReason.ABORTED)
    return True


def live_breakout(b: LockedBreakout) -> Breakout | None:
    """Return the meeting's live breakout."""
    live = col(Breakout.meeting_id) == b.row.meeting_id, holds(Breakout, IS_LIVE)
    return b.tx.session.scalar(select(Breakout).where(*live))


def _become_open(b: LockedBreakout) -> None:
    b.move(BreakoutState.OPEN)
    b.row.opened_at = b.row.warned_until = b.now
    b.row.opening_until = None
    duration = b.row.duration_seconds
    set_end(b.row, None if duration is None else b.now + timedelta(seconds=duration))
    watch_people(b)
    b.people.raise_versions()


def want_rooms(b: LockedBreakout, wanted: RoomWanted) -> None:
    """Want every room of the breakout ready, or open. Rooms that are ready open at once, without any call."""
    short_of_it = {RoomWanted.NOTHING, RoomWanted.READY} - {wanted}
    statement = select(Room).where(col(Room.breakout_id) == b.row.id, col(Room.wanted).in_(short_of_it))
    rooms = b.tx.session.scalars(statement.order_by(col(Room.index))).all()
    if not rooms:
        return
    take_over(b, rooms)
    if wanted is RoomWanted.OPEN:
        watch_people(b)
        watch_started(b, is_prepared=any(room.realtimekit_meeting_id for room in rooms))
    for room in rooms:
        want_anew(room, wanted)
    b.move_rooms([room for room in rooms if room.state is RoomState.PLANNED], RoomState.PREPARING)
    unfinished = {it.id for it in rooms if it.state is RoomState.PREPARING or it.realtimekit_meeting_id is None}
    if wanted is RoomWanted.OPEN:
        keeping_recorded.want(b, rooms)
        made = [room for room in rooms if room.realtimekit_meeting_id is not None]
        seats = b.seats_of_rooms([room.id for room in made]) if made else {}
        invite(b, [(room, seats[room.id]) for room in made])
        waiting = (seat for room in made for seat in seats[room.id] if seat.state in COMING)
        unfinished |= {seat.room_id for seat in waiting if seat.error is None}
    due.want(b.tx, Room, unfinished)


def _room_states(b: LockedBreakout) -> dict[RoomState, int]:
    b.tx.session.flush()
    statement = select(col(Room.state), func.count()).where(col(Room.breakout_id) == b.row.id, ~col(Room.dropped))
    return dict(b.tx.session.execute(statement.group_by(col(Room.state))).all())


def _fail_stuck_rooms(b: LockedBreakout) -> None:
    stuck = select(Room).where(
        col(Room.breakout_id) == b.row.id,
        or_(col(Room.state) == RoomState.PREPARING, col(Room.realtimekit_meeting_id).is_(None)),
        col(Room.state).in_([RoomState.PREPARING, RoomState.READY]),
        col(Room.failures) >= STUCK_FAILURES,
        col(Room.failing_since) >= col(Room.trying_since),
    )
    for room in b.tx.session.scalars(stuck).all():
        words = "it did not open in time"
        failing.fail_room(b, room, f"{words}: {room.error}" if room.error else words)


def _fail(b: LockedBreakout) -> None:
    """Fail a breakout of which no room could be opened, after everything that was made is retired."""
    b.move_seats([seat for seat in b.seats() if seat.state not in ACCOUNTED], SeatState.NEVER_JOINED)
    b.move(BreakoutState.FAILED)
    b.row.closed_at = b.now
    b.people.raise_versions()
