"""The life of a breakout, one step at a time: look at the stored facts, under its lock, and do what is due.

`look` is level-triggered: it may be called after anything, any number of times. A request, a room that got ready, a
person who came home, the timer, a recovery: all of them change facts and then look. It calls nobody outside.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import func, or_, select
from sqlmodel import col

from orchestrator import metrics
from orchestrator.domain.lifecycle import breakout_due
from orchestrator.domain.timing import due_warning
from orchestrator.errors import WrongState
from orchestrator.services.breakout import failing, recordings
from orchestrator.services.breakout.invitations import invite
from orchestrator.services.breakout.leaving import is_home
from orchestrator.services.breakout.moves import move_breakout, move_rooms, move_seats, report_problem
from orchestrator.services.breakout.seating import seat_latecomers
from orchestrator.services.deps import Deps
from orchestrator.services.meetings.polling import expect_home, watch, webhooks_come
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import (
    lock_meeting,
    occupied_rooms,
    places,
    raise_versions,
    rooms_with_unseen,
    seats_of_rooms,
    take_turn,
    wanted_seats,
)
from schemas.states import (
    ACCOUNTED,
    LIVE,
    BreakoutState,
    CloseReason,
    OnRoomFailure,
    RecordingState,
    RoomState,
    RoomWanted,
    SeatState,
)
from schemas.tables import Breakout, Meeting, Recording, Room, Seat

STUCK_AFTER = 3
"""A room that failed this often by its own fault (giving_up.py) keeps nobody waiting beyond the opening's deadline."""


def step(deps: Deps, breakout_id: str, claim: int) -> str:
    """The task of a breakout: consume the message and look."""
    with deps.database.transaction() as tx:
        take_turn(tx, breakout_id)
        breakout = due.take(tx, Breakout, breakout_id, claim)
        if breakout is None:
            return "nothing to do"
        before = breakout.state
        look(deps, tx, breakout)
        return str(breakout.state) if breakout.state is before else f"{before} → {breakout.state}"


def look(deps: Deps, tx: Transaction, breakout: Breakout) -> None:
    """Do everything that is due for a locked breakout, and store when it is due next."""
    now = tx.now()
    while True:
        before = breakout.state
        if before in STEPS:
            STEPS[before](deps, tx, breakout, now)
        if breakout.state is before:
            break
    due_at = breakout_due(breakout, now, deps.grace, deps.look_again)
    if not _is_due_before(breakout, now, due_at):
        due.set_due(tx, Breakout, breakout.id, due_at)
    if due_at is not None and due_at <= now:
        due.dispatch(tx, Breakout, [breakout.id])


def _is_due_before(breakout: Breakout, now: datetime, due_at: datetime | None) -> bool:
    """Whether the breakout is looked at soon enough as it stands: a mass of rooms must not write this for each."""
    return breakout.due_at is not None and due_at is not None and now < breakout.due_at <= due_at


def begin_preparing(tx: Transaction, breakout: Breakout) -> None:
    """Have the rooms of a draft or scheduled breakout made ahead of its start; its task makes them due."""
    now = tx.now()
    breakout.prepare_from = now
    breakout.version += 1
    due.set_due(tx, Breakout, breakout.id, now)
    due.dispatch(tx, Breakout, [breakout.id])


def begin_opening(deps: Deps, tx: Transaction, breakout: Breakout) -> None:
    """Start a draft or scheduled breakout; its task makes the rooms due. Raises WrongState while another one runs."""
    lock_meeting(tx, breakout.meeting_id)
    state = _running(tx, breakout.meeting_id)
    if state is not None:
        raise WrongState(f"another breakout of this meeting is {state}; at most one runs at a time", state.value, [])
    now = tx.now()
    move_breakout(tx, breakout, BreakoutState.OPENING, now)
    breakout.starts_at = now
    breakout.opening_until = now + timedelta(seconds=deps.settings.opening_deadline_seconds)
    breakout.version += 1
    seat_latecomers(tx, breakout, now)
    raise_versions(tx, breakout.meeting_id)
    due.set_due(tx, Breakout, breakout.id, now)
    due.dispatch(tx, Breakout, [breakout.id])


def begin_closing(
    deps: Deps, tx: Transaction, breakout: Breakout, reason: CloseReason, countdown: timedelta | None = None
) -> None:
    """Tell everybody that the rooms close; the seats point to main `countdown` later."""
    if countdown is None:
        countdown = timedelta(seconds=breakout.countdown_seconds)
    _call_back(tx, breakout, reason, countdown, tx.now())
    look(deps, tx, breakout)


def _call_back(tx: Transaction, breakout: Breakout, reason: CloseReason, countdown: timedelta, now: datetime) -> None:
    move_breakout(tx, breakout, BreakoutState.CLOSING, now)
    breakout.close_reason = reason
    breakout.empties_at = now + countdown
    raise_versions(tx, breakout.meeting_id)


def _planned(deps: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> None:
    """Make the rooms of a breakout that is to be prepared; start one whose time has come."""
    if breakout.prepare_from is not None and now >= breakout.prepare_from:
        _want_rooms(deps, tx, breakout, RoomWanted.READY, now)
    starts_at = breakout.starts_at if breakout.state is BreakoutState.SCHEDULED else None
    if starts_at is not None and starts_at <= now and _running(tx, breakout.meeting_id) is None:
        _count_lateness(tx, "starts_at", starts_at, now)
        begin_opening(deps, tx, breakout)


def _running(tx: Transaction, meeting_id: str) -> BreakoutState | None:
    statement = select(col(Breakout.state)).where(col(Breakout.meeting_id) == meeting_id, col(Breakout.state).in_(LIVE))
    return tx.session.scalar(statement)


def _count_lateness(tx: Transaction, timer: str, due_at: datetime, now: datetime) -> None:
    tx.count(partial(metrics.TIMER_LATENESS.labels(timer).observe, (now - due_at).total_seconds()))


def _opening(deps: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> None:
    _want_rooms(deps, tx, breakout, RoomWanted.OPEN, now)
    counts = _room_states(tx, breakout)
    if breakout.opening_until and now >= breakout.opening_until and counts.get(RoomState.OPEN):
        _fail_stuck_rooms(tx, breakout, now)
        counts = _room_states(tx, breakout)
    if counts.get(RoomState.FAILED) and breakout.on_room_failure is OnRoomFailure.ABORT:
        _call_back(tx, breakout, CloseReason.ABORTED, timedelta(seconds=breakout.countdown_seconds), now)
    elif set(counts) <= {RoomState.FAILED, RoomState.CLOSED}:
        if not _unretired(tx, breakout):
            _fail(tx, breakout, now)
    elif set(counts) <= {RoomState.OPEN, RoomState.FAILED, RoomState.CLOSED}:
        _opened(deps, tx, breakout, now)


def _opened(deps: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> None:
    move_breakout(tx, breakout, BreakoutState.OPEN, now)
    breakout.opened_at = breakout.warned_until = now
    if breakout.duration_seconds is not None:
        breakout.closes_at = now + timedelta(seconds=breakout.duration_seconds)
    watch(deps, tx, breakout, now)
    raise_versions(tx, breakout.meeting_id)


def _want_rooms(deps: Deps, tx: Transaction, breakout: Breakout, wanted: RoomWanted, now: datetime) -> None:
    """Want every room of the breakout ready, or open; those that are ready open at once, without any call."""
    short_of_it = {RoomWanted.NOTHING, RoomWanted.READY} - {wanted}
    statement = select(Room).where(col(Room.breakout_id) == breakout.id, col(Room.wanted).in_(short_of_it))
    rooms = tx.session.scalars(statement.order_by(col(Room.index))).all()
    if not rooms:
        return
    if wanted is RoomWanted.OPEN:
        watch(deps, tx, breakout, now)
    for room in rooms:
        room.wanted = wanted
    move_rooms(tx, breakout, [room for room in rooms if room.state is RoomState.PLANNED], RoomState.PREPARING, now)
    unfinished = {room.id for room in rooms if room.state is RoomState.PREPARING}
    if wanted is RoomWanted.OPEN:
        recordings.request(tx, breakout, rooms, now)
        seats = seats_of_rooms(tx, [room.id for room in rooms])
        invite(deps, tx, breakout, [(room, seats[room.id]) for room in rooms], now)
        waiting = (seat for room in rooms for seat in seats[room.id] if seat.state is SeatState.ASSIGNED)
        unfinished |= {seat.room_id for seat in waiting if seat.error is None}
    due.want(tx, Room, unfinished)


def _room_states(tx: Transaction, breakout: Breakout) -> dict[RoomState, int]:
    tx.session.flush()
    statement = select(col(Room.state), func.count()).where(col(Room.breakout_id) == breakout.id)
    return dict(tx.session.execute(statement.group_by(col(Room.state))).all())


def _fail_stuck_rooms(tx: Transaction, breakout: Breakout, now: datetime) -> None:
    stuck = select(Room).where(
        col(Room.breakout_id) == breakout.id,
        col(Room.state) == RoomState.PREPARING,
        col(Room.failures) >= STUCK_AFTER,
        col(Room.failing_since) >= col(Room.trying_since),
    )
    for room in tx.session.scalars(stuck).all():
        words = "it did not open in time"
        failing.fail_room(tx, breakout, room, f"{words}: {room.error}" if room.error else words, now)


def _fail(tx: Transaction, breakout: Breakout, now: datetime) -> None:
    """No room could be opened, and everything that was made is retired."""
    left = [seat for seat in wanted_seats(tx, breakout.id) if seat.state not in ACCOUNTED]
    move_seats(tx, breakout, {SeatState.NEVER_JOINED: left}, now)
    move_breakout(tx, breakout, BreakoutState.FAILED, now)
    breakout.closed_at = now
    raise_versions(tx, breakout.meeting_id)


def _open(_: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> None:
    if breakout.closes_at is None:
        return
    if now >= breakout.closes_at:
        _count_lateness(tx, "closes_at", breakout.closes_at, now)
        _call_back(tx, breakout, CloseReason.TIMER, timedelta(seconds=breakout.countdown_seconds), now)
        return
    _warn(tx, breakout, breakout.closes_at, now)


def _warn(tx: Transaction, breakout: Breakout, closes_at: datetime, now: datetime) -> None:
    before = breakout.warned_until or now
    seconds = due_warning(closes_at, breakout.warn_before_seconds, before, now)
    if seconds is not None:
        tx.emit(breakout, "breakout.warning", now, remaining_seconds=seconds, room_ids=None)
        breakout.warned_until = now


def _closing(deps: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> None:
    if breakout.empties_at is None or now < breakout.empties_at:
        return
    if breakout.emptied_at is None:
        _count_lateness(tx, "empties_at", breakout.empties_at, now)
        _lock_rooms(tx, breakout)
        _point_to_main(deps, tx, breakout, now)
    _want_rooms_closed(tx, breakout, now, everybody=now >= breakout.empties_at + deps.grace)
    if now >= breakout.empties_at + 2 * deps.grace:
        _give_up_on_the_missing(tx, breakout, now)
    if not _unfinished(tx, breakout):
        move_breakout(tx, breakout, BreakoutState.CLOSED, now)
        breakout.closed_at = now
        raise_versions(tx, breakout.meeting_id)


def _lock_rooms(tx: Transaction, breakout: Breakout) -> None:
    """Before any seat: a room's pass, which may be recording what it has made, locks them in that order."""
    ids = select(col(Room.id)).where(col(Room.breakout_id) == breakout.id)
    due.lock_rows(tx, Room, tx.session.scalars(ids).all())


def _point_to_main(deps: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> None:
    """From now on everybody belongs in main; whoever is there already has returned."""
    seats = wanted_seats(tx, breakout.id)
    came = [seat for seat in seats if seat.state in (SeatState.JOINED, SeatState.AWAY)]
    where = places(tx.session, [seat.participant_id for seat in came])
    breakout.emptied_at = now
    expect_home(deps, tx, breakout, now)
    never = [seat for seat in seats if seat not in came and seat.state not in ACCOUNTED]
    move_seats(tx, breakout, {SeatState.RETURNING: came, SeatState.NEVER_JOINED: never}, now)
    home = [seat for seat in came if is_home(seat, where.get(seat.participant_id, set()))]
    move_seats(tx, breakout, {SeatState.RETURNED: home}, now)
    raise_versions(tx, breakout.meeting_id)


def _want_rooms_closed(tx: Transaction, breakout: Breakout, now: datetime, *, everybody: bool) -> None:
    """Want the rooms closed in which nobody is any more; with `everybody`, those with people in them too."""
    tx.session.flush()
    statement = select(col(Room.id)).where(col(Room.breakout_id) == breakout.id, col(Room.wanted) != RoomWanted.CLOSED)
    ids = set(tx.session.scalars(statement))
    if ids and not everybody:
        ids = _surely_empty(tx, breakout, ids)
    if ids:
        failing.want_closed(tx, breakout, ids, now)


def _surely_empty(tx: Transaction, breakout: Breakout, room_ids: set[str]) -> set[str]:
    """Where no webhooks come there may be people whom no poll has seen yet: they have the others' time to go."""
    empty = room_ids - occupied_rooms(tx.session, room_ids)
    told = webhooks_come(tx.session.get_one(Meeting, breakout.meeting_id), breakout.starts_at)
    return empty if told else empty - rooms_with_unseen(tx.session, empty)


def _give_up_on_the_missing(tx: Transaction, breakout: Breakout, now: datetime) -> None:
    returning = select(Seat).where(col(Seat.breakout_id) == breakout.id, col(Seat.state) == SeatState.RETURNING)
    missing = tx.session.scalars(returning).all()
    moved = move_seats(tx, breakout, {SeatState.LOST: missing}, now)
    if moved:
        report_problem(tx, breakout, now, what="people lost", detail=f"{len(moved)} were not seen in the main meeting")


def _unretired(tx: Transaction, breakout: Breakout) -> bool:
    tx.session.flush()
    statement = (
        select(col(Room.id)).where(col(Room.breakout_id) == breakout.id, col(Room.retired_at).is_(None)).limit(1)
    )
    return tx.session.scalar(statement) is not None


def _unfinished(tx: Transaction, breakout: Breakout) -> bool:
    """Whether a room, a recording or a person is still unaccounted for."""
    if _unretired(tx, breakout):
        return True
    seats = select(col(Seat.id)).where(
        col(Seat.breakout_id) == breakout.id,
        col(Seat.state).not_in(ACCOUNTED),
        or_(col(Seat.wanted), col(Seat.state) == SeatState.RETURNING),
    )
    running = select(col(Recording.id)).where(
        col(Recording.breakout_id) == breakout.id,
        or_(
            col(Recording.state) == RecordingState.REQUESTED,
            col(Recording.state) == RecordingState.RECORDING,
        ),
    )
    return any(tx.session.scalar(statement.limit(1)) is not None for statement in (seats, running))


STEPS: dict[BreakoutState, Callable[[Deps, Transaction, Breakout, datetime], None]] = {
    BreakoutState.DRAFT: _planned,
    BreakoutState.SCHEDULED: _planned,
    BreakoutState.OPENING: _opening,
    BreakoutState.OPEN: _open,
    BreakoutState.CLOSING: _closing,
}
