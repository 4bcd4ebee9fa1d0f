"""Closing a breakout: the countdown, the moment when seats point to main, the rooms, people who have not returned."""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import bindparam, exists, or_, select
from sqlmodel import col

from orchestrator import metrics
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.clock import empties_by_parents_end
from orchestrator.services.breakout.emptying import call_home, surely_empty
from orchestrator.services.breakout.missing import give_up_on_the_missing
from orchestrator.services.breakout.retiring import want_closed
from orchestrator.services.breakout.room_ends import rooms_step
from orchestrator.services.breakout.seating import take_back_moves
from orchestrator.services.breakout.watching import expect_home, look_now
from orchestrator.store.database import execute
from orchestrator.store.queries import places, used_seats
from schemas.events import Actor
from schemas.states import ACCOUNTED, BreakoutState, CloseReason, RecordingState, RoomWanted, SeatState
from schemas.tables import Recording, Room, Seat

_GIVE_UPS = (
    select(col(Room.gives_up_at))
    .join(Seat, col(Seat.room_id) == col(Room.id))
    .where(col(Seat.breakout_id) == bindparam("of"), col(Seat.state) == SeatState.RETURNING)
    .distinct()
)
_NOT_WANTED_CLOSED = select(col(Room.id)).where(
    col(Room.breakout_id) == bindparam("of"), col(Room.wanted) != RoomWanted.CLOSED
)
_NOT_SEEN = select(Seat).where(
    col(Seat.breakout_id) == bindparam("of"), col(Seat.state).in_([SeatState.NEVER_JOINED, SeatState.LOST])
)
_IS_UNFINISHED = select(
    or_(
        exists().where(col(Room.breakout_id) == bindparam("of"), col(Room.retired_at).is_(None)),
        exists().where(
            col(Seat.breakout_id) == bindparam("of"),
            col(Seat.state).not_in(ACCOUNTED),
            or_(col(Seat.wanted), col(Seat.state) == SeatState.RETURNING),
        ),
        exists().where(
            col(Recording.breakout_id) == bindparam("of"),
            col(Recording.state).in_([RecordingState.REQUESTED, RecordingState.RECORDING]),
        ),
    )
)
"""Whether a room, a person or a recording is still unaccounted for."""


def start_countdown(b: LockedBreakout, reason: CloseReason, countdown: timedelta | None = None) -> None:
    """Begin to close the breakout. The seats point to main after `countdown`, by default the breakout's own.

    Its timer is over, also one that is paused. A countdown ends with the parent meeting at the latest.
    """
    b.move(BreakoutState.CLOSING)
    b.row.close_reason = reason
    b.row.paused_with_seconds = None
    if reason is not CloseReason.TIMER or b.row.closes_at is None:  # it has none while it opens or is paused
        b.row.closes_at = b.now
    empties_at = b.now + (timedelta(seconds=b.row.countdown_seconds) if countdown is None else countdown)
    b.row.empties_at = empties_by_parents_end(b, empties_at)
    b.people.raise_versions()


def close_step(b: LockedBreakout) -> None:
    """Take a closing breakout as far as it can go.

    1. Go on with rooms that close by themselves.
    2. At `empties_at`, point every seat to main. From then on, hear what comes late of people.
    3. Want the rooms closed: the empty ones at once, all of them after the grace.
    4. After another grace, count people who were not seen in main as lost (missing.py).
    5. When nothing is left to do, close. A room that was not wanted closed until now has yet to close.

    Both graces count from `sent_home_at`, because a server that was away at `empties_at` tells people late.
    """
    rooms_step(b)
    empties_at = b.row.empties_at
    if empties_at is None or b.now < empties_at:
        return
    if b.row.sent_home_at is None:
        b.tx.count(partial(metrics.count_lateness, "empties_at", b.now - empties_at))
        b.row.sent_home_at = b.now
        b.lock_rooms()
        with b.acting(Actor.TIMER):
            _send_home(b)
    else:
        correct_late_news(b)
    since_told = b.now - (b.row.sent_home_at or b.now)
    are_left = _want_rooms_closed(b, everybody=since_told >= b.deps.grace)
    give_up_on_the_missing(b)
    if not are_left and not execute(b.tx.session, _IS_UNFINISHED, {"of": b.row.id}).scalar():
        b.move(BreakoutState.CLOSED)
        b.row.closed_at = b.now
        b.people.raise_versions()


def _send_home(b: LockedBreakout) -> None:
    """Point every seat to main. People who are there already have returned."""
    seats = _seats_to_account_for(b)
    expect_home(b)
    if b.row.series_id is not None:
        look_now(b)  # the next round may start as soon as this one has closed
    call_home(b, seats)
    b.row.gives_up_at = _gives_up_at(b)
    b.people.raise_versions()


def _gives_up_at(b: LockedBreakout) -> datetime:
    """Return when the missing are given up. Who was sent home with their room before gets no other graces."""
    found = execute(b.tx.session, _GIVE_UPS, {"of": b.row.id}).scalars()
    until = [at or b.now + 2 * b.deps.grace for at in found]
    return max(until, default=b.now)


def _seats_to_account_for(b: LockedBreakout) -> list[Seat]:
    """Return everybody's seat, which is the last one in whose room they may be.

    People who have not gone to their new room, as far as is known, are accounted for where they were.
    """
    seats = b.seats()
    others = take_back_moves(b, seats)
    return seats if len(others) == len(seats) else b.seats()


def _want_rooms_closed(b: LockedBreakout, *, everybody: bool) -> bool:
    """Want empty rooms closed, and with `everybody` also rooms with people in them. Returns whether any was not yet."""
    ids = set(execute(b.tx.session, _NOT_WANTED_CLOSED, {"of": b.row.id}).scalars())
    chosen = ids if everybody or not ids else surely_empty(b, ids)
    if chosen:
        want_closed(b, chosen)
    return bool(ids)


def correct_late_news(b: LockedBreakout) -> None:
    """Count people as returned of whom it is learnt after the end that they were in their room, or are home.

    Nobody can say when such news comes: a delivery may be minutes late, and a browser may have been offline. Rooms are
    locked before seats, because the same look may want rooms closed afterwards.
    """
    b.tx.session.flush()
    unseen = b.tx.session.scalars(_NOT_SEEN, {"of": b.row.id}).all()
    if not unseen:
        return
    never = [seat.id for seat in unseen if seat.state is SeatState.NEVER_JOINED]
    been = used_seats(b.tx.session, col(Seat.id).in_(never)) if never else set()
    lost = [seat for seat in unseen if seat.state is SeatState.LOST]
    where = places(b.tx.session, [seat.participant_id for seat in lost]) if lost else {}
    back = {seat.id for seat in lost if None in where.get(seat.participant_id, set())}
    if been | back:
        b.lock_rooms()
        b.move_seats([seat for seat in unseen if seat.id in been | back], SeatState.RETURNED)
