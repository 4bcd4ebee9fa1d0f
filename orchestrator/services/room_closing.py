"""Closing a room: stop its recording, empty it, retire its child meeting; in this order, and safe to repeat."""

from datetime import datetime

from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services import recordings, steps
from orchestrator.services.deps import Deps
from orchestrator.services.moves import move_recording, move_rooms, report_problem
from orchestrator.services.room_opening import find_ours
from orchestrator.services.room_work import RecordingWork, RoomWork
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import lock_breakout, recordings_of
from schemas.states import RecordingState, RoomState
from schemas.tables import Breakout, Recording, Room


def close(deps: Deps, lease: Lease, work: RoomWork) -> str:
    """One pass that leaves nothing of the room at RealtimeKit but a retired meeting and its finished recordings."""
    kit = deps.realtimekit
    stopped: dict[str, RecordingRecord | None] = {}
    surplus = 0
    if work.realtimekit_meeting_id:
        for recording in work.recordings:
            stopped[recording.id] = kit.run(_stop(kit, work.realtimekit_meeting_id, recording), lease.before_call)
        kit.run(_empty_and_retire(kit, work, work.realtimekit_meeting_id), lease.before_call)
    if work.ever_in_doubt:
        surplus = kit.run(_retire_surplus(kit, deps.install, work), lease.before_call)
    return _store(deps, lease.claim, work, stopped, surplus)


async def _stop(kit: RealtimeKit, meeting_id: str, recording: RecordingWork) -> RecordingRecord | None:
    """Stop a recording, also one that may have been started without our knowing; None when there was none."""
    realtimekit_id = recording.realtimekit_recording_id
    if realtimekit_id is None and recording.in_doubt:
        running = await kit.active_recording(meeting_id)
        realtimekit_id = running.id if running else None
    if realtimekit_id is None:
        return None
    return await kit.stop_recording(realtimekit_id) or RecordingRecord(id=realtimekit_id, status="UPLOADING")


async def _empty_and_retire(kit: RealtimeKit, work: RoomWork, meeting_id: str) -> None:
    """Retire, and throw out whoever may be left; where webhooks have told that all are gone, nobody needs to be."""
    if work.occupied or not work.webhooks_come:
        await kit.kick_all(meeting_id)
    await kit.retire_meeting(meeting_id)


async def _retire_surplus(kit: RealtimeKit, install: str, work: RoomWork) -> int:
    """Retire what a try with an unknown outcome may have made beside the meeting that was adopted."""
    extra = [hit for hit in await find_ours(kit, install, work.key) if hit.id != work.realtimekit_meeting_id]
    for meeting in extra:
        await kit.retire_meeting(meeting.id)
    return len(extra)


def _store(
    deps: Deps, claim: due.Claim, work: RoomWork, stopped: dict[str, RecordingRecord | None], surplus: int
) -> str:
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, work.breakout_id)
        due.record(tx, claim)
        now = tx.now()
        room = tx.session.get_one(Room, work.room_id, populate_existing=True)
        for recording in recordings_of(tx.session, [work.room_id]):
            _store_stopped(tx, breakout, recording, stopped.get(recording.id), now)
        if surplus:
            detail = f"{surplus} surplus meetings of an unanswered create were retired"
            report_problem(tx, breakout, now, what="surplus retired", detail=detail, room_id=room.id)
        end(tx, breakout, room, now)
        due.release(tx, claim, due_at=None)
        steps.look(deps, tx, breakout)
        return f"{room.state}, {sum(record is not None for record in stopped.values())} recordings stopped"


def _store_stopped(
    tx: Transaction, breakout: Breakout, recording: Recording, fact: RecordingRecord | None, now: datetime
) -> None:
    if fact is None:
        return
    if recording.state is RecordingState.REQUESTED:
        recording.realtimekit_recording_id = fact.id
        move_recording(tx, breakout, recording, RecordingState.RECORDING, now)
    recordings.merge(tx, breakout, recording, fact, now)


def end(tx: Transaction, breakout: Breakout, room: Room, now: datetime) -> None:
    """Nothing of the room is left to do: it is closed (a failed one stays failed), and so is what it wanted."""
    for recording in recordings_of(tx.session, [room.id]):
        if recording.state is RecordingState.REQUESTED:
            recording.error = recording.error or "nobody ever joined"
            move_recording(tx, breakout, recording, RecordingState.SKIPPED, now)
        elif recording.state is RecordingState.RECORDING:
            recordings.merge(tx, breakout, recording, RecordingRecord(id="", status="UPLOADING"), now)
    if room.state in (RoomState.PLANNED, RoomState.CLOSING):
        move_rooms(tx, breakout, [room], RoomState.CLOSED, now)
    room.retired_at = now
