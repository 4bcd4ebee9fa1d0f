"""Recordings: one wanted per room, started when somebody is there, followed until the file is there or never will."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.lifecycle import can_move
from orchestrator.domain.timing import FOLLOW_HOURS, follow_delay
from orchestrator.errors import NotFound, RealtimeKitError
from orchestrator.log import about
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout.moves import move_recording, report_problem
from orchestrator.services.deps import Deps
from orchestrator.services.passes.leased import start_pass
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_breakout, recordings_of, refilled_rooms
from schemas.states import RecordingState, RoomState, RoomWanted
from schemas.tables import Breakout, Recording, Room
from schemas.tasks import Task

STATE_OF = {
    "INVOKED": RecordingState.RECORDING,
    "RECORDING": RecordingState.RECORDING,
    "PAUSED": RecordingState.RECORDING,
    "UPLOADING": RecordingState.STOPPED,
    "UPLOADED": RecordingState.UPLOADED,
    "ERRORED": RecordingState.FAILED,
}
"""What RealtimeKit's words for a recording mean to us."""

ENDED = frozenset({RecordingState.STOPPED, RecordingState.UPLOADED})


def request(tx: Transaction, breakout: Breakout, rooms: Iterable[Room], now: datetime) -> None:
    """Want one recording of each room, once somebody is in it."""
    if breakout.record:
        tx.session.add_all(Recording(breakout_id=breakout.id, room_id=room.id, created_at=now) for room in rooms)


def on_joined(tx: Transaction, breakout: Breakout, room_ids: set[str], now: datetime) -> None:
    """Somebody joined: a recording that waits for that is due, one that had ended by itself gets a successor.

    One that should still run is asked about if the room was empty before: RealtimeKit ends it 60 seconds after the last
    has left (RealtimeKit docs), and its webhook may be late, or lost.
    """
    if not breakout.record or not room_ids:
        return
    is_open = col(Room.wanted) == RoomWanted.OPEN, col(Room.state) == RoomState.OPEN
    open_rooms = tx.session.scalars(select(col(Room.id)).where(col(Room.id).in_(room_ids), *is_open))
    latest = {recording.room_id: recording for recording in recordings_of(tx.session, open_rooms)}
    again = [room_id for room_id, recording in latest.items() if recording.state in ENDED]
    tx.session.add_all(Recording(breakout_id=breakout.id, room_id=room_id, created_at=now) for room_id in again)
    waiting = [room_id for room_id, recording in latest.items() if recording.state is RecordingState.REQUESTED]
    due.want(tx, Room, [*waiting, *again], Task.ROOM_RECORD)
    running = {room_id: it.id for room_id, it in latest.items() if it.state is RecordingState.RECORDING}
    if running:
        due.want(tx, Recording, [running[room_id] for room_id in refilled_rooms(tx.session, running)])


def _on_ended(tx: Transaction, breakout: Breakout, recording: Recording, now: datetime) -> None:
    """One that ended by itself before those came who are there now gets a successor; a host may have ended it, too."""
    assert recording.stopped_at is not None
    since = refilled_rooms(tx.session, [recording.room_id]).get(recording.room_id)
    if since is not None and since > recording.stopped_at:
        on_joined(tx, breakout, {recording.room_id}, now)


def merge(tx: Transaction, breakout: Breakout, recording: Recording, fact: RecordingRecord, now: datetime) -> None:
    """Take over what RealtimeKit says about a recording; what is older than what we know changes nothing."""
    recording.started_at = recording.started_at or fact.started_at
    recording.stopped_at = recording.stopped_at or fact.stopped_at
    recording.download_url = fact.download_url or recording.download_url
    to = STATE_OF.get(fact.status)
    if to is None or to is recording.state or not can_move(recording.state, to):
        return
    move_recording(tx, breakout, recording, to, now)
    if to in ENDED:
        recording.stopped_at = recording.stopped_at or now
        _on_ended(tx, breakout, recording, now)
    if to is RecordingState.FAILED:
        recording.error = "RealtimeKit reported ERRORED"
        report_problem(tx, breakout, now, what="recording failed", detail=recording.error, room_id=recording.room_id)
    schedule_follow(tx, recording, now)


def room_has_closed(
    tx: Transaction, breakout: Breakout, recording: Recording, fact: RecordingRecord | None, now: datetime
) -> None:
    """What was stopped has stopped, what never ran is skipped; what could not be stopped ends with its session.

    RealtimeKit's answer to a stop may still call it running: it is followed all the same, or nobody would ask again.
    """
    if fact is not None and recording.state is RecordingState.REQUESTED:
        recording.realtimekit_recording_id = fact.id
        recording.started_at = recording.started_at or fact.started_at or now
        move_recording(tx, breakout, recording, RecordingState.RECORDING, now)
    if fact is None and recording.state is RecordingState.REQUESTED:
        recording.error = recording.error or "nobody ever joined"
        move_recording(tx, breakout, recording, RecordingState.SKIPPED, now)
    elif recording.state is RecordingState.RECORDING:
        if fact is not None:
            merge(tx, breakout, recording, fact, now)
        merge(tx, breakout, recording, RecordingRecord(id="", status="UPLOADING"), now)


def schedule_follow(tx: Transaction, recording: Recording, now: datetime) -> None:
    """Ask again later while the upload is under way; webhooks usually tell first."""
    uploading = recording.state is RecordingState.STOPPED
    recording.follow_at = now + follow_delay(recording.follows) if uploading else None
    due.set_due(tx, Recording, recording.id, recording.follow_at)


def follow(deps: Deps, recording_id: str, claim: int) -> str:
    """The task of a recording: ask RealtimeKit how the upload goes; only ever reads there."""

    with start_pass(deps, Recording, recording_id, claim, _to_follow) as begun:
        if begun is None:
            return "nothing to do"
        lease, (realtimekit_id, breakout_id) = begun
        about(breakout_id=breakout_id)
        ask = deps.realtimekit.recording(realtimekit_id, priority=Priority.POLLING)
        try:
            fact = deps.realtimekit.run(ask, lease.before_call)
        except NotFound as error:
            gone = RecordingRecord(id=realtimekit_id, status="ERRORED")
            return _record_follow(deps, lease.claim, breakout_id, gone, error.message)
        except RealtimeKitError as error:
            return _record_follow(deps, lease.claim, breakout_id, None, error.message)
        return _record_follow(deps, lease.claim, breakout_id, fact, "")


def _to_follow(tx: Transaction, recording_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    found = tx.session.scalars(select(Recording).where(col(Recording.id).in_(recording_ids)))
    return {it.id: (it.realtimekit_recording_id or "", it.breakout_id) for it in found}


def _record_follow(deps: Deps, claim: due.Claim, breakout_id: str, fact: RecordingRecord | None, words: str) -> str:
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        due.record(tx, claim)
        recording = tx.session.get_one(Recording, claim.row_id)
        now = tx.now()
        recording.follows += 1
        if fact is not None:
            merge(tx, breakout, recording, fact, now)
        if recording.state is RecordingState.STOPPED and now > _patience_ends(recording):
            move_recording(tx, breakout, recording, RecordingState.FAILED, now)
            recording.error = words or "its upload never ended"
        schedule_follow(tx, recording, now)
        due.release(tx, claim, due_at=recording.follow_at)
        return words or str(recording.state)


def _patience_ends(recording: Recording) -> datetime:
    return (recording.stopped_at or recording.created_at) + timedelta(hours=FOLLOW_HOURS)
