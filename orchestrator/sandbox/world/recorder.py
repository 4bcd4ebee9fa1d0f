"""The lifecycle of a recording: INVOKED, RECORDING (or PAUSED), UPLOADING, then UPLOADED or ERRORED."""

from orchestrator.sandbox.world import payloads
from orchestrator.sandbox.world.state import Meeting, Recording, Session, World, new_id, now
from orchestrator.sandbox.world.values import JSON, iso, iso_or_none

FILES_KEPT_SECONDS = 7 * 86400  # RealtimeKit keeps files for 7 days
DEFAULT_MAX_SECONDS = 86400
VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00\x00\x00\x08mdat"  # an MP4 with nothing in it


def start(world: World, meeting: Meeting, session: Session | None, options: JSON, started_by: str) -> Recording:
    """Start a recording; `options` may have max_seconds and file_name_prefix; no session: it waits for one."""
    recording_id, moment = new_id(), now()
    name = f"{options.get('file_name_prefix') or meeting.id}_{round(moment * 1000)}.mp4"
    max_seconds = float(options.get("max_seconds") or DEFAULT_MAX_SECONDS)
    recording = Recording(recording_id, meeting, session, "INVOKED", moment, name, max_seconds, started_by, new_id())
    meeting.recordings.append(recording)
    world.recordings[recording_id] = recording
    recording.limit_timer = world.call_later(max_seconds, stop, world, recording, "API_CALL")
    recording.next_step_timer = world.call_later(
        world.config.timings.recording_starts_after, _begin_recording, world, recording
    )
    if session and world.config.switches.recorder_triggers_events:
        world.emit(payloads.bot(world, recording, session, leaves=False))
    if not session or not session.live:
        meeting_emptied(world, meeting)
    return recording


def stop(world: World, recording: Recording, reason: str, *, by_user: bool = False) -> None:
    """Stop a recording and upload it, unless the reason is INTERNAL_ERROR.

    `reason` is API_CALL, INTERNAL_ERROR or ALL_PEERS_LEFT.
    """
    if not recording.running:
        return
    for timer in (recording.next_step_timer, recording.limit_timer, recording.empty_timer):
        if timer:
            timer.cancel()
    recording.stopped_at, recording.stop_reason = now(), reason
    recording.stopped_by = "USER" if by_user else recording.stopped_by
    if recording.session and world.config.switches.recorder_triggers_events:
        world.emit(payloads.bot(world, recording, recording.session, leaves=True))
    if _fails(world, recording):
        _set_status(world, recording, "ERRORED")
        return
    _set_status(world, recording, "UPLOADING")
    recording.next_step_timer = world.call_later(
        world.config.timings.recording_uploads_after, _finish_upload, world, recording
    )


def pause(world: World, recording: Recording) -> bool:
    """Move from RECORDING to PAUSED; False when the recording is in neither status."""
    return recording.status == "PAUSED" or (recording.status == "RECORDING" and _set_status(world, recording, "PAUSED"))


def resume(world: World, recording: Recording) -> bool:
    """Move from PAUSED to RECORDING; False when the recording is in neither status."""
    return recording.status == "RECORDING" or (
        recording.status == "PAUSED" and _set_status(world, recording, "RECORDING")
    )


def meeting_emptied(world: World, meeting: Meeting) -> None:
    """Stop the running recordings after a while, unless somebody joins before."""
    wait = world.config.timings.recording_stops_when_empty_after
    for recording in meeting.recordings:
        if recording.running and recording.empty_timer is None:
            recording.empty_timer = world.call_later(wait, stop, world, recording, "ALL_PEERS_LEFT")


def meeting_filled(meeting: Meeting, session: Session) -> None:
    """Let the running recordings go on, in this session, because somebody has joined."""
    for recording in meeting.recordings:
        if recording.running:
            recording.session = recording.session or session
            if recording.empty_timer:
                recording.empty_timer.cancel()
                recording.empty_timer = None


def stop_all(world: World, meeting: Meeting) -> None:
    """Stop all recordings of a meeting whose session has ended."""
    for recording in meeting.recordings:
        stop(world, recording, "ALL_PEERS_LEFT")


def of_session(session: Session) -> list[Recording]:
    """Return the recordings of a session, running or not."""
    return [recording for recording in session.meeting.recordings if recording.session is session]


def active(meeting: Meeting) -> Recording | None:
    """Return the latest recording that runs, if any."""
    return next((recording for recording in reversed(meeting.recordings) if recording.running), None)


def duration(recording: Recording) -> int:
    """Return the recorded time in whole seconds."""
    if recording.started_at is None:
        return 0
    return round((recording.stopped_at or now()) - recording.started_at)


def show(world: World, recording: Recording) -> JSON:
    """Return the recording as REST shows it."""
    uploaded = recording.uploaded_at is not None
    url = f"{world.base_url}/_files/{recording.id}"
    shown: JSON = {
        "id": recording.id,
        "audio_download_url": f"{url}.aac" if uploaded else None,
        "download_url": f"{url}.mp4" if uploaded else None,
        "download_url_expiry": iso(recording.uploaded_at + FILES_KEPT_SECONDS) if recording.uploaded_at else None,
        "file_size": len(VIDEO) if uploaded else None,
        "invoked_time": iso(recording.invoked_at),
        "output_file_name": recording.file_name,
        "session_id": recording.session.id if recording.session else None,
        "started_time": iso_or_none(recording.started_at),
        "status": recording.status,
        "stopped_time": iso_or_none(recording.stopped_at),
        "recording_duration": duration(recording),
        "storage_config": None,
    }
    return shown


def show_with_reasons(world: World, recording: Recording) -> JSON:
    """Return the recording as calls about one recording show it: with start_reason and stop_reason."""
    caller = {"name": "sandbox", "type": "ORGANIZATION", "user_Id": world.organization_id}
    shown = show(world, recording) | {"start_reason": {"reason": recording.started_by, "caller": caller}}
    if recording.stop_reason:
        shown["stop_reason"] = {"reason": recording.stop_reason, "caller": caller | {"type": recording.stopped_by}}
    return shown


def _begin_recording(world: World, recording: Recording) -> None:
    recording.started_at = now()
    _set_status(world, recording, "RECORDING")


def _finish_upload(world: World, recording: Recording) -> None:
    recording.uploaded_at = now()
    _set_status(world, recording, "UPLOADED")


def _set_status(world: World, recording: Recording, status: str) -> bool:
    recording.status = status
    world.emit(payloads.recording_update(world, recording, show(world, recording)))
    if world.witness:
        world.witness.recorded(recording)
    return True


def _fails(world: World, recording: Recording) -> bool:
    if recording.stop_reason == "INTERNAL_ERROR":
        return True
    match = world.config.switches.recordings_fail_matching
    if match is not None and match in f"{recording.meeting.title}\n{recording.file_name}":
        return True
    seconds = (recording.stopped_at or 0) - recording.started_at if recording.started_at else 0
    return seconds < world.config.timings.recording_shortest
