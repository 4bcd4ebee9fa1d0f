"""When a room has been tried often enough: who fails for reasons of their own is given up, an outage is waited out.

A failed pass counts as the room's own fault when RealtimeKit has answered anything at all while it failed (the failing
pass asks something harmless, if need be), and others get on, by recorded facts:

- another room of a running breakout has recorded progress since this room's present tries began; or
- no other room is failing.

An error of ours (a row that can't be processed) is always the row's own. While closing, more patience and less evidence
is asked for: that RealtimeKit answers. What is given up then is found by the daily sweep
(orchestrator/services/orphans.py), while a meeting whose breakout never closed could have no other.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, text, update
from sqlmodel import col

from orchestrator.errors import LeaseLost, RealtimeKitError, Refused
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.breakout import failing, recordings
from orchestrator.services.breakout.invitations import invite
from orchestrator.services.breakout.moves import move_rooms, report_problem
from orchestrator.services.deps import Deps
from orchestrator.services.passes.leased import NO_TRY, release_for_retry
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import custom_ids, recordings_of, seats_of_rooms
from schemas.states import RoomState, RoomWanted, SeatState
from schemas.tables import IS_LIVE, Breakout, Room, Seat


@dataclass(frozen=True)
class Failed:
    """A pass that did not get through; `error` is None for an error of ours, and `words` may be shown to anybody."""

    room: Room
    claim: due.Claim
    error: RealtimeKitError | None
    words: str


def seek_evidence(deps: Deps, lease: Lease, error: RealtimeKitError, priority: Priority) -> None:
    """To be called after a failed pass's calls: see whether RealtimeKit answers at all, unless it has meanwhile."""
    if isinstance(error, NO_TRY | Refused) or deps.realtimekit.has_answered_since(lease.claim.begun):
        return
    with suppress(RealtimeKitError, LeaseLost):
        deps.realtimekit.run(deps.realtimekit.webhooks(priority=priority), lease.before_call)


def retry_or_give_up(deps: Deps, tx: Transaction, breakout: Breakout, failed: Failed) -> str:
    """Give the room back: due again after a backoff, or done without. One line for who watches.

    The breakout is locked, and the claim was found to be good.
    """
    now, room = tx.now(), failed.room
    if _was_enough(deps, tx, failed, now):
        _give_up(deps, tx, breakout, room, words=failed.words, now=now)
        room.tries = room.failures = 0
        due.release(tx, failed.claim, due_at=None)
        return f"given up: {failed.words}"
    if room.state is RoomState.PREPARING:
        room.error = failed.words
    release_for_retry(tx, failed.claim, failed.error)
    return f"will try again: {failed.words}"


def _was_enough(deps: Deps, tx: Transaction, failed: Failed, now: datetime) -> bool:
    """Count the failed pass if it was the room's own fault; a pass that has reached something has not failed."""
    room, error = failed.room, failed.error
    if isinstance(error, NO_TRY) or room.tries == 0:
        return False
    if error is not None and not _is_its_own(deps, tx, failed, now):
        return False
    if room.failing_since is None or (room.trying_since is not None and room.failing_since < room.trying_since):
        room.failures, room.failing_since = 0, now
    room.failures += 1
    patience = deps.settings.closing_patience_seconds if room.wanted is RoomWanted.CLOSED else 0
    is_patient = now < room.failing_since + timedelta(seconds=patience)
    return room.failures >= deps.settings.room_tries and not is_patient


def _is_its_own(deps: Deps, tx: Transaction, failed: Failed, now: datetime) -> bool:
    room = failed.room
    if not deps.realtimekit.has_answered_since(failed.claim.begun):
        return False
    if room.wanted is RoomWanted.CLOSED:
        return True
    return _a_room_got_on(tx, room, room.trying_since or now) or not _another_fails(tx, room)


def _a_room_got_on(tx: Transaction, but: Room, since: datetime) -> bool:
    return _exists(tx, but, col(Room.progressed_at) >= since)


def _another_fails(tx: Transaction, but: Room) -> bool:
    """A pass of it has ended without progress; whether the next has begun yet is for its backoff to say."""
    has_ended = and_(col(Room.tries) == 1, col(Room.holder).is_(None))
    return _exists(tx, but, or_(col(Room.tries) > 1, has_ended))


def _exists(tx: Transaction, but: Room, condition: object) -> bool:
    running = select(col(Breakout.id)).where(text(IS_LIVE))
    others = col(Room.breakout_id).in_(running), col(Room.id) != but.id
    return tx.session.scalar(select(col(Room.id)).where(*others, condition).limit(1)) is not None  # type: ignore[arg-type]


def _give_up(deps: Deps, tx: Transaction, breakout: Breakout, room: Room, *, words: str, now: datetime) -> None:
    seats = seats_of_rooms(tx, [room.id])[room.id]
    nobody = all(seat.state is SeatState.ASSIGNED for seat in seats)
    match room.wanted:
        case RoomWanted.CLOSED:
            _leave_behind(tx, breakout, room, words=words, now=now)
        case RoomWanted.OPEN if room.state is RoomState.PREPARING and nobody:
            failing.fail_room(tx, breakout, room, words, now)
        case RoomWanted.OPEN:
            _do_without(tx, breakout, room, seats, words=words, now=now)
            invite(deps, tx, breakout, [(room, seats)], now)
        case _:  # it is tried again at the start
            report_problem(tx, breakout, now, what="room not prepared", detail=words, room_id=room.id)


def _leave_behind(tx: Transaction, breakout: Breakout, room: Room, *, words: str, now: datetime) -> None:
    """Count the room as closed although something of it may be left at RealtimeKit."""
    report_problem(tx, breakout, now, what="room not closed", detail=words, room_id=room.id)
    for recording in recordings_of(tx.session, [room.id]):
        recordings.room_has_closed(tx, breakout, recording, None, now)
    if room.state in (RoomState.PLANNED, RoomState.CLOSING):
        room.error = words
        move_rooms(tx, breakout, [room], RoomState.CLOSED, now)
    room.retired_at = now


def _do_without(
    tx: Transaction, breakout: Breakout, room: Room, seats: list[Seat], *, words: str, now: datetime
) -> None:
    """Keep a room that people are admitted to, without what it can't have: the others' seats, a name, a recording."""
    missing = [seat for seat in seats if seat.state is SeatState.ASSIGNED and seat.error is None]
    names = custom_ids(tx, {seat.participant_id for seat in missing})
    for seat in missing:
        seat.error = words
        name = names[seat.participant_id]
        report_problem(
            tx, breakout, now, what="participant refused", detail=words, room_id=room.id, custom_participant_id=name
        )
    if not missing:
        report_problem(tx, breakout, now, what="room given up", detail=words, room_id=room.id)
    overdue = col(Seat.room_id) == room.id, col(Seat.leave_by) <= now
    tx.session.execute(update(Seat).where(*overdue).values(leave_by=None))
    room.error = None
