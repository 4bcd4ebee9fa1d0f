"""How long a failing room is tried. A room that fails for reasons of its own is given up, an outage is waited out.

A failed pass counts as the room's own fault when RealtimeKit has answered anything at all while it failed (the failing
pass asks something harmless, if need be), and others get on, by recorded facts:

- another room of a live breakout has recorded progress since this room's present tries began; or
- no other room is failing.

An error of ours (a row that can't be processed) is always the row's own. A closing room gets more patience and needs
less evidence: that RealtimeKit answers. The daily sweep (services/upkeep/sweep.py) finds what is left of a room that
was given up. Were it never given up, its breakout would never close, and the meeting could have no other breakout.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, text, update
from sqlmodel import col

from orchestrator.errors import LeaseLost, RealtimeKitError, Refused
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.breakout import recordings
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.failing import fail_room
from orchestrator.services.breakout.invitations import invite
from orchestrator.services.breakout.leaving import end_putting_out, watch_for_leavers
from orchestrator.services.breakout.tokens import watch_for_tokens
from orchestrator.services.deps import Deps
from orchestrator.services.passes.leased import NO_TRY, release_for_retry
from orchestrator.services.result import Result
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import occupied_rooms, recordings_of
from schemas.events import ProblemKind
from schemas.states import RecordingState, RoomState, RoomWanted, SeatState
from schemas.tables import IS_LIVE, Breakout, Room, Seat


@dataclass(frozen=True)
class Failed:
    """A pass that failed."""

    room: Room
    claim: due.Claim
    error: RealtimeKitError | None
    """None for an error of ours."""
    words: str
    """The reason, without names of people."""
    by_tokens: bool = False
    """Whether nothing else failed than tokens that are kept good, which is tried for ever."""


def seek_evidence(deps: Deps, lease: Lease, error: RealtimeKitError, priority: Priority) -> None:
    """See whether RealtimeKit answers at all, unless it has since the pass began. Call it after a failed pass."""
    if isinstance(error, NO_TRY | Refused) or deps.realtimekit.has_answered_since(lease.claim.begun):
        return
    with suppress(RealtimeKitError, LeaseLost):
        deps.realtimekit.run(deps.realtimekit.webhooks(priority=priority), lease.before_call)


def retry_or_give_up(b: LockedBreakout, failed: Failed) -> Result:
    """Give the room back: due again after a backoff, or given up. The claim was found to be good."""
    room = failed.room
    if _count_failure(b, failed):
        _give_up(b, failed)
        room.tries = room.failures = 0
        due.release(b.tx, failed.claim, due_at=None)
        watch(b, room)
        return Result("given up", failed.words)
    if room.state is RoomState.PREPARING:
        room.error = failed.words
    release_for_retry(b.tx, failed.claim, failed.error)
    return Result("will try again", failed.words)


def watch(b: LockedBreakout, room: Room) -> None:
    """Make a room that people may be in due for their tokens and departures, although its pass is not tried again."""
    if room.wanted in (RoomWanted.READY, RoomWanted.OPEN) and room.state is not RoomState.FAILED:
        watch_for_leavers(b.tx, [room.id], b.now)
        watch_for_tokens(b.tx, [room.id], b.now)


def _count_failure(b: LockedBreakout, failed: Failed) -> bool:
    """Count the failed pass if it was the room's own fault, and return whether the room is to be given up.

    A pass that has reached something has not failed.
    """
    room, error = failed.room, failed.error
    if isinstance(error, NO_TRY) or room.tries == 0:
        return False
    if error is not None and not _is_its_own(b, failed):
        return False
    if room.failing_since is None or (room.trying_since is not None and room.failing_since < room.trying_since):
        room.failures, room.failing_since = 0, b.now
    room.failures += 1
    settings = b.deps.settings
    patience = settings.closing_patience_seconds if room.wanted is RoomWanted.CLOSED else 0
    is_patient = b.now < room.failing_since + timedelta(seconds=patience)
    return room.failures >= settings.room_tries and not is_patient


def _is_its_own(b: LockedBreakout, failed: Failed) -> bool:
    room = failed.room
    if not b.deps.realtimekit.has_answered_since(failed.claim.begun):
        return False
    if room.wanted is RoomWanted.CLOSED:
        return True
    return _a_room_got_on(b.tx, room, room.trying_since or b.now) or not _another_fails(b.tx, room)


def _a_room_got_on(tx: Transaction, but: Room, since: datetime) -> bool:
    return _exists(tx, but, col(Room.progressed_at) >= since)


def _another_fails(tx: Transaction, but: Room) -> bool:
    """Return whether a pass of another room has ended without progress. Its backoff says whether the next has begun."""
    has_ended = and_(col(Room.tries) == 1, col(Room.holder).is_(None))
    return _exists(tx, but, or_(col(Room.tries) > 1, has_ended))


def _exists(tx: Transaction, but: Room, condition: object) -> bool:
    running = select(col(Breakout.id)).where(text(IS_LIVE))
    others = col(Room.breakout_id).in_(running), col(Room.id) != but.id
    return tx.session.scalar(select(col(Room.id)).where(*others, condition).limit(1)) is not None  # type: ignore[arg-type]


def _give_up(b: LockedBreakout, failed: Failed) -> None:
    room, words = failed.room, failed.words
    seats = b.seats_of_rooms([room.id])[room.id]
    nobody = all(seat.state is SeatState.ASSIGNED for seat in seats)
    match room.wanted:
        case RoomWanted.CLOSED:
            _leave_behind(b, room, words)
        case RoomWanted.OPEN if room.realtimekit_meeting_id is None or (nobody and room.state is RoomState.PREPARING):
            fail_room(b, room, words)
        case RoomWanted.OPEN:
            _do_without(b, failed, seats)
            invite(b, [(room, seats)])
        case _ if not _is_known(b, failed, ProblemKind.ROOM_NOT_PREPARED):  # it is tried again at the start
            b.report(ProblemKind.ROOM_NOT_PREPARED, words, room_id=room.id)


def _leave_behind(b: LockedBreakout, room: Room, words: str) -> None:
    """Count the room as closed although something of it may be left at RealtimeKit."""
    b.report(ProblemKind.ROOM_NOT_CLOSED, words, room_id=room.id)
    for recording in recordings_of(b.tx.session, [room.id]):
        recordings.end_with_room(b, recording, None)
    if room.state in (RoomState.PLANNED, RoomState.CLOSING):
        room.error = words
        b.move_rooms([room], RoomState.CLOSED)
    room.retired_at, room.kept = b.now, False


def _do_without(b: LockedBreakout, failed: Failed, seats: list[Seat]) -> None:
    """Keep a room that people are admitted to, without what it can't have: the others' seats, a name, a recording."""
    room, words = failed.room, failed.words
    missing = [seat for seat in seats if seat.state is SeatState.ASSIGNED and seat.error is None]
    names = b.names(seat.participant_id for seat in missing)
    for seat in missing:
        seat.error = words
        name = names[seat.participant_id]
        b.report(ProblemKind.PARTICIPANT_REFUSED, words, room_id=room.id, custom_participant_id=name)
    if not _give_up_recording(b, room) and not missing and not _is_known(b, failed, ProblemKind.ROOM_GIVEN_UP):
        b.report(ProblemKind.ROOM_GIVEN_UP, words, room_id=room.id)
    overdue = col(Seat.room_id) == room.id, col(Seat.leave_by) <= b.now
    b.tx.session.execute(update(Seat).where(*overdue).values(leave_by=None))
    end_putting_out(b.tx, [room.id])
    room.error = None


def _is_known(b: LockedBreakout, failed: Failed, kind: ProblemKind) -> bool:
    """Return whether it was reported before that a room can't renew its tokens, which is tried again and again."""
    said = failed.room.id, failed.words
    return failed.by_tokens and any((data["room_id"], data["detail"]) == said for data in b.reported(kind))


def _give_up_recording(b: LockedBreakout, room: Room) -> bool:
    """Give up the recording that could not be started, if people wait for one. Another is tried later."""
    waiting = [it for it in recordings_of(b.tx.session, [room.id]) if it.state is RecordingState.REQUESTED and it.error]
    failed = waiting if occupied_rooms(b.tx.session, [room.id]) else []
    for recording in failed:
        recordings.refuse(b, recording, recording.error or "")
    return bool(failed)
