"""Checking that a room's meeting is there and ACTIVE, because others may close it. One that lives is kept as it is."""

from orchestrator.errors import LeaseLost, NotFound, Refused
from orchestrator.services.breakout.locked import locked
from orchestrator.services.breakout.meeting_lost import forget_meeting, note_restored
from orchestrator.services.deps import Deps
from orchestrator.services.people import presence
from orchestrator.services.result import Result
from orchestrator.services.rooms.work import RoomWork
from orchestrator.store import due
from orchestrator.store.leases import Lease
from schemas.tables import Room


def check(deps: Deps, lease: Lease, work: RoomWork, meeting_id: str) -> Result | None:
    """Ask for the meeting, and make it ACTIVE again if it is not: that keeps its people, their tokens and recordings.

    Returns None when the pass may go on. When the meeting is gone, or can't be made ACTIVE, it is forgotten, and the
    next pass makes another one. Raises RealtimeKitError, LeaseLost.
    """
    kit = deps.realtimekit
    try:
        meeting = kit.run(kit.get_meeting(meeting_id, priority=work.priority), lease.before_call)
    except NotFound:
        return _forget(deps, lease.claim, work, "its meeting is gone at RealtimeKit")
    try:
        if not meeting.is_active:
            kit.run(kit.restore_meeting(meeting_id, priority=work.priority), lease.before_call)
    except Refused as error:
        return _forget(deps, lease.claim, work, f"its meeting can't be made ACTIVE again ({error.message})")
    with locked(deps, work.breakout_id) as b:
        room = _mine(due.record_all(b.tx, [lease.claim], [work.room_id]), work)
        room.to_check = False
        if not meeting.is_active:
            note_restored(b, room)
    return None


def _forget(deps: Deps, claim: due.Claim, work: RoomWork, words: str) -> Result:
    with locked(deps, work.breakout_id) as b:
        b.lock_rooms()
        room = _mine(due.record_all(b.tx, [claim], [work.room_id]), work)
        room.to_check = False
        forget_meeting(b, room, words)
        b.tx.session.flush()
        presence.note_emptied(b, [room])
        due.release(b.tx, claim, due_at=b.now)
    return Result("meeting lost", words)


def _mine(rooms: dict[str, Room], work: RoomWork) -> Room:
    if work.room_id not in rooms:
        raise LeaseLost(f"room {work.room_id} is somebody else's by now")
    return rooms[work.room_id]
