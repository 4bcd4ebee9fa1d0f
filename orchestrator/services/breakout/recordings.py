"""What RealtimeKit says of the recordings of a locked breakout, and how a recording ends."""

from datetime import timedelta

from orchestrator.domain.lifecycle import can_move
from orchestrator.domain.recording import LONGEST_SECONDS, why_ended
from orchestrator.domain.timing import follow_delay
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.keeping_recorded import keep_recorded, open_rooms, show_hosts
from orchestrator.store import due
from orchestrator.store.queries import first_there, longest_stay
from schemas.events import Actor, EventType, ProblemKind
from schemas.states import OVER, RecordingEnd, RecordingState
from schemas.tables import Recording, Room

STARTS_WITHIN = timedelta(seconds=10)
"""How long people may be in a room that closes without its recording having failed."""
REPORTED_AFTER = timedelta(seconds=30)
"""How long people may be in a room before it is reported that nothing is recorded."""
TOLD_BEFORE = timedelta(days=1)
"""How long before a file expires that is told."""
STATE_OF = {
    "INVOKED": RecordingState.RECORDING,
    "RECORDING": RecordingState.RECORDING,
    "PAUSED": RecordingState.RECORDING,
    "UPLOADING": RecordingState.STOPPED,
    "UPLOADED": RecordingState.UPLOADED,
    "ERRORED": RecordingState.FAILED,
}
"""Our state for each word that RealtimeKit has for a recording."""


def merge(b: LockedBreakout, recording: Recording, fact: RecordingRecord) -> None:
    """Merge what RealtimeKit says about a recording. Facts older than what is stored change nothing.

    One that has ended in an open room is due at once: its task asks why, and sees to it that another follows.
    """
    recording.started_at = recording.started_at or fact.started_at
    recording.stopped_at = recording.stopped_at or fact.stopped_at
    recording.file_name = fact.file_name or recording.file_name
    recording.download_url = fact.download_url or recording.download_url
    expires_at, recording.expires_at = recording.expires_at, fact.download_expires_at or recording.expires_at
    to = STATE_OF.get(fact.status)
    if to is RecordingState.UPLOADED and recording.state is RecordingState.RECORDING:
        b.move_recording(recording, RecordingState.STOPPED)  # news of its end is late, or has got lost
    if to is not None and to is not recording.state and can_move(recording.state, to):
        b.move_recording(recording, to)
        if to is RecordingState.FAILED:
            recording.error = "RealtimeKit reported ERRORED"
            b.report(ProblemKind.RECORDING_FAILED, recording.error, room_id=recording.room_id)
        if to in OVER:
            _note_end(b, recording)
        schedule_follow(b, recording)
    elif recording.expires_at != expires_at:
        schedule_follow(b, recording)
    if to is RecordingState.RECORDING is recording.state:
        recording.paused = fact.status == "PAUSED"


def hear(b: LockedBreakout, recording: Recording, fact: RecordingRecord) -> None:
    """Merge what a webhook says. It may be old, so RealtimeKit is asked whether a recording is paused by now."""
    paused = recording.paused
    merge(b, recording, fact)
    if recording.state is RecordingState.RECORDING and recording.paused is not paused:
        recording.paused = paused
        due.want(b.tx, Recording, [recording.id])


def _note_end(b: LockedBreakout, recording: Recording) -> None:
    recording.stopped_at = recording.stopped_at or b.now
    recording.paused, recording.pause_wanted = False, None
    recording.follows = 0
    if recording.by_host:
        show_hosts(b, recording.room_id)
    if recording.ended_by is None and recording.room_id not in open_rooms(b, [recording.room_id]):
        recording.ended_by = RecordingEnd.ROOM


def note_started(b: LockedBreakout, recording: Recording, fact: RecordingRecord) -> None:
    """Note that RealtimeKit records. If nothing was recorded before although people were there, report since when."""
    recording.realtimekit_recording_id = fact.id
    recording.in_doubt, recording.error = False, None
    recording.started_at = fact.started_at or fact.stopped_at or b.now
    merge(b, recording, fact)
    _report_gap(b, recording)


def learn_end(b: LockedBreakout, recording: Recording, fact: RecordingRecord) -> None:
    """Store why a recording has ended, by RealtimeKit's answer about this one recording."""
    if recording.state not in OVER or recording.ended_by is not None:
        return
    started_at, stopped_at = recording.started_at, recording.stopped_at
    recording.ended_by = why_ended(
        failed=recording.state is RecordingState.FAILED,
        reason=fact.stop_reason,
        by_user=fact.stopped_by_user,
        lasted=stopped_at - started_at if started_at and stopped_at else None,
        longest=timedelta(seconds=b.row.recording_max_seconds or LONGEST_SECONDS),
    )


def stop_by_operator(b: LockedBreakout, recording: Recording, fact: RecordingRecord | None) -> None:
    """Bring a recording to its end that an operator wanted stopped; `fact` is RealtimeKit's answer, None: none ran.

    The answer may still call it running; it counts as stopped all the same.
    """
    recording.in_doubt, recording.ended_by = False, recording.ended_by or RecordingEnd.PERSON
    recording.unrecorded_since = None
    if fact is None:
        skip(b, recording)
        return
    if recording.state is RecordingState.REQUESTED:
        recording.realtimekit_recording_id, recording.error = fact.id, None
        recording.started_at = fact.started_at or b.now
        b.move_recording(recording, RecordingState.RECORDING)
    merge(b, recording, fact)
    merge(b, recording, RecordingRecord(id=fact.id, status="UPLOADING"))


def skip(b: LockedBreakout, recording: Recording) -> None:
    """End a recording that an operator stopped before it began."""
    recording.ended_by, recording.error = RecordingEnd.PERSON, "stopped before it began"
    recording.unrecorded_since = None
    b.move_recording(recording, RecordingState.SKIPPED)


def tell_expiry(b: LockedBreakout, recording: Recording) -> None:
    """Write into the log that the file can't be fetched much longer, once, a day before."""
    if recording.expires_at is None or recording.expiry_is_told or b.now < recording.expires_at - TOLD_BEFORE:
        return
    recording.expiry_is_told = True
    data = {"recording_id": recording.id, "expires_at": recording.expires_at.isoformat().replace("+00:00", "Z")}
    with b.acting(Actor.TIMER):
        b.log(EventType.RECORDING_EXPIRING, data)


def refuse(b: LockedBreakout, recording: Recording, words: str) -> None:
    """Give up a recording that RealtimeKit does not start. Another is tried later."""
    b.move_recording(recording, RecordingState.FAILED)
    recording.ended_by, recording.stopped_at, recording.error = RecordingEnd.REFUSED, b.now, words
    came_at = first_there(b.tx.session, recording.room_id)
    recording.unrecorded_since = recording.unrecorded_since or came_at
    b.report(ProblemKind.RECORDING_REFUSED, words, room_id=recording.room_id)
    keep_recorded(b, [recording.room_id])


def end_with_room(b: LockedBreakout, recording: Recording, fact: RecordingRecord | None) -> None:
    """Bring a recording to its end, now that its room has closed; `fact` is RealtimeKit's answer to the stop.

    One that was never started is skipped, or has failed if people were there. One that could not be stopped ends with
    its session. RealtimeKit's answer may still call it running; it counts as stopped all the same, or nobody would ask
    about it again.
    """
    recording.ended_by = recording.ended_by or RecordingEnd.ROOM
    if fact is not None and recording.state is RecordingState.REQUESTED:
        recording.realtimekit_recording_id = fact.id
        recording.started_at = recording.started_at or fact.started_at or b.now
        b.move_recording(recording, RecordingState.RECORDING)
    if recording.state is RecordingState.REQUESTED:
        _end_unstarted(b, recording)
    elif recording.state is RecordingState.RECORDING:
        if fact is not None:
            merge(b, recording, fact)
        merge(b, recording, RecordingRecord(id="", status="UPLOADING"))
    _report_gap(b, recording)


def _end_unstarted(b: LockedBreakout, recording: Recording) -> None:
    """End a recording that never began: it has failed if people were there long enough for it, and it was wanted."""
    if b.tx.session.get_one(Room, recording.room_id).record is False:
        skip(b, recording)
        return
    stay = longest_stay(b.tx.session, recording.room_id, recording.created_at, b.now)
    words = "nobody ever joined" if stay is None else "the room has closed before it began"
    recording.error = recording.error or words
    if stay is None or stay[1] - stay[0] < STARTS_WITHIN:
        b.move_recording(recording, RecordingState.SKIPPED)
        return
    recording.unrecorded_since, recording.stopped_at = recording.unrecorded_since or stay[0], b.now
    b.move_recording(recording, RecordingState.FAILED)


def note_not_started(b: LockedBreakout, recording: Recording, words: str) -> None:
    """Note why RealtimeKit does not record yet. Once people have been there for a while, that is reported."""
    recording.error = words
    came_at = first_there(b.tx.session, recording.room_id)
    if came_at is None or recording.unrecorded_since is not None:
        return
    since = max(came_at, recording.created_at)
    if b.now - since < REPORTED_AFTER:
        return
    recording.unrecorded_since = since
    detail = f"nothing is recorded from {since.isoformat()} on: {words}"
    b.report(ProblemKind.RECORDING_INTERRUPTED, detail, room_id=recording.room_id)


def _report_gap(b: LockedBreakout, recording: Recording) -> None:
    """Report once from when to when nothing was recorded before this recording, although people were there."""
    since = recording.unrecorded_since
    if since is None:
        return
    until = recording.started_at if recording.started_at and recording.started_at > since else b.now
    detail = f"nothing was recorded from {since.isoformat()} until {until.isoformat()}"
    b.report(ProblemKind.RECORDING_INTERRUPTED, detail, room_id=recording.room_id)
    recording.unrecorded_since = None


def schedule_follow(b: LockedBreakout, recording: Recording) -> None:
    """Ask RealtimeKit at once why a recording has ended, and later while its upload is under way.

    A webhook about the upload usually comes first. A file is looked at once more before it expires.
    """
    is_unexplained = recording.state in OVER and recording.ended_by is None
    if is_unexplained and recording.follows == 0:
        recording.follow_at = b.now
    elif is_unexplained or recording.state is RecordingState.STOPPED:
        recording.follow_at = b.now + follow_delay(recording.follows)
    elif recording.state is RecordingState.UPLOADED and recording.expires_at and not recording.expiry_is_told:
        recording.follow_at = recording.expires_at - TOLD_BEFORE
    else:
        recording.follow_at = None
    due.set_due(b.tx, Recording, recording.id, recording.follow_at)
