"""Recordings of a locked breakout: when a room is to be recorded, and what RealtimeKit says of each recording."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.lifecycle import can_move
from orchestrator.domain.timing import follow_delay
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store import due
from orchestrator.store.queries import recordings_of, refilled_rooms
from schemas.events import ProblemKind
from schemas.states import RecordingState, RoomState, RoomWanted
from schemas.tables import Recording, Room
from schemas.tasks import Task

STATE_OF = {
    "INVOKED": RecordingState.RECORDING,
    "RECORDING": RecordingState.RECORDING,
    "PAUSED": RecordingState.RECORDING,
    "UPLOADING": RecordingState.STOPPED,
    "UPLOADED": RecordingState.UPLOADED,
    "ERRORED": RecordingState.FAILED,
}
"""Our state for each word that RealtimeKit has for a recording."""

ENDED = frozenset({RecordingState.STOPPED, RecordingState.UPLOADED})


def want(b: LockedBreakout, rooms: Iterable[Room]) -> None:
    """Want one recording of each room, if the breakout is to be recorded. It starts when somebody is in the room."""
    if b.row.record:
        b.tx.session.add_all(Recording(breakout_id=b.row.id, room_id=room.id, created_at=b.now) for room in rooms)


def on_joined(b: LockedBreakout, room_ids: set[str]) -> None:
    """See that each open room of these is recorded, because somebody has joined.

    A recording that waits for people is due. One that has ended by itself gets a successor. One that should still run
    is asked about if the room was empty before, because RealtimeKit ends it 60 seconds after the last person has left
    (RealtimeKit docs), and its webhook may be late or lost.
    """
    if not b.row.record or not room_ids:
        return
    is_open = col(Room.wanted) == RoomWanted.OPEN, col(Room.state) == RoomState.OPEN
    open_rooms = b.tx.session.scalars(select(col(Room.id)).where(col(Room.id).in_(room_ids), *is_open))
    latest = {recording.room_id: recording for recording in recordings_of(b.tx.session, open_rooms)}
    again = [room_id for room_id, recording in latest.items() if recording.state in ENDED]
    b.tx.session.add_all(Recording(breakout_id=b.row.id, room_id=room_id, created_at=b.now) for room_id in again)
    waiting = [room_id for room_id, recording in latest.items() if recording.state is RecordingState.REQUESTED]
    due.want(b.tx, Room, [*waiting, *again], Task.ROOM_RECORD)
    running = {room_id: it.id for room_id, it in latest.items() if it.state is RecordingState.RECORDING}
    if running:
        due.want(b.tx, Recording, [running[room_id] for room_id in refilled_rooms(b.tx.session, running)])


def merge(b: LockedBreakout, recording: Recording, fact: RecordingRecord) -> None:
    """Merge what RealtimeKit says about a recording. Facts older than what is stored change nothing."""
    recording.started_at = recording.started_at or fact.started_at
    recording.stopped_at = recording.stopped_at or fact.stopped_at
    recording.download_url = fact.download_url or recording.download_url
    to = STATE_OF.get(fact.status)
    if to is None or to is recording.state or not can_move(recording.state, to):
        return
    b.move_recording(recording, to)
    if to in ENDED:
        recording.stopped_at = recording.stopped_at or b.now
        _follow_up(b, recording)
    if to is RecordingState.FAILED:
        recording.error = "RealtimeKit reported ERRORED"
        b.report(ProblemKind.RECORDING_FAILED, recording.error, room_id=recording.room_id)
    schedule_follow(b, recording)


def _follow_up(b: LockedBreakout, recording: Recording) -> None:
    """Record the room again if its recording ended before the people came who are there now.

    A recording that ended while people were there stays ended, because a host may have stopped it.
    """
    assert recording.stopped_at is not None
    since = refilled_rooms(b.tx.session, [recording.room_id]).get(recording.room_id)
    if since is not None and since > recording.stopped_at:
        on_joined(b, {recording.room_id})


def end_with_room(b: LockedBreakout, recording: Recording, fact: RecordingRecord | None) -> None:
    """Bring a recording to its end, now that its room has closed; `fact` is RealtimeKit's answer to the stop.

    One that was never started is skipped. One that could not be stopped ends with its session. RealtimeKit's answer may
    still call it running; it counts as stopped all the same, or nobody would ask about it again.
    """
    if fact is not None and recording.state is RecordingState.REQUESTED:
        recording.realtimekit_recording_id = fact.id
        recording.started_at = recording.started_at or fact.started_at or b.now
        b.move_recording(recording, RecordingState.RECORDING)
    if fact is None and recording.state is RecordingState.REQUESTED:
        recording.error = recording.error or "nobody ever joined"
        b.move_recording(recording, RecordingState.SKIPPED)
    elif recording.state is RecordingState.RECORDING:
        if fact is not None:
            merge(b, recording, fact)
        merge(b, recording, RecordingRecord(id="", status="UPLOADING"))


def schedule_follow(b: LockedBreakout, recording: Recording) -> None:
    """Ask RealtimeKit again later while the upload is under way. A webhook usually comes first."""
    is_uploading = recording.state is RecordingState.STOPPED
    recording.follow_at = b.now + follow_delay(recording.follows) if is_uploading else None
    due.set_due(b.tx, Recording, recording.id, recording.follow_at)
