"""A recording's life: INVOKED, RECORDING (PAUSED), UPLOADING, UPLOADED or ERRORED."""

from orchestrator.sandbox.world import payloads
from orchestrator.sandbox.world.answers import JSON, iso, iso_or_none
from orchestrator.sandbox.world.state import Meeting, Recording, Session, World, new_id, now

KEPT_SECONDS = 7 * 86400  # RealtimeKit keeps files for 7 days
VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00\x00\x00\x08mdat"  # an MP4 with nothing in it


def begin(world: World, meeting: Meeting, session: Session | None, wishes: JSON, started_by: str) -> Recording:
    """Start to record; `wishes` may hold max_seconds and file_name_prefix. Without a session it waits for one."""
    identity, moment = new_id(), now()
    name = f"{wishes.get('file_name_prefix') or meeting.id}_{round(moment * 1000)}.mp4"
    limit = float(wishes.get("max_seconds") or 86400)
    recording = Recording(identity, meeting, session, "INVOKED", moment, name, limit, started_by, new_id())
    meeting.recordings.append(recording)
    world.recordings[identity] = recording
    recording.limit = world.later(limit, stop, world, recording, "API_CALL")
    recording.step = world.later(world.config.timings.recording_starts_after, _roll, world, recording)
    if session and world.config.switches.recorder_triggers_events:
        world.emit(payloads.bot(world, recording, session, leaves=False))
    if not session or not session.live:
        emptied(world, meeting)
    return recording


def stop(world: World, recording: Recording, reason: str) -> None:
    """End it and upload; `reason` is API_CALL, INTERNAL_ERROR or ALL_PEERS_LEFT."""
    if not recording.running:
        return
    for handle in (recording.step, recording.limit, recording.emptied):
        if handle:
            handle.cancel()
    recording.stopped_at, recording.stop_reason = now(), reason
    if recording.session and world.config.switches.recorder_triggers_events:
        world.emit(payloads.bot(world, recording, recording.session, leaves=True))
    if _fails(world, recording):
        _move(world, recording, "ERRORED")
        return
    _move(world, recording, "UPLOADING")
    recording.step = world.later(world.config.timings.recording_uploads_after, _finish, world, recording)


def pause(world: World, recording: Recording) -> bool:
    """RECORDING to PAUSED; False when it is neither."""
    return recording.status == "PAUSED" or (recording.status == "RECORDING" and _move(world, recording, "PAUSED"))


def resume(world: World, recording: Recording) -> bool:
    """PAUSED to RECORDING; False when it is neither."""
    return recording.status == "RECORDING" or (recording.status == "PAUSED" and _move(world, recording, "RECORDING"))


def emptied(world: World, meeting: Meeting) -> None:
    """Nobody is left: running recordings end unless somebody comes back in time."""
    wait = world.config.timings.recording_stops_when_empty_after
    for recording in meeting.recordings:
        if recording.running and recording.emptied is None:
            recording.emptied = world.later(wait, stop, world, recording, "ALL_PEERS_LEFT")


def filled(meeting: Meeting, session: Session) -> None:
    """Somebody is there (again): running recordings go on, in this session."""
    for recording in meeting.recordings:
        if recording.running:
            recording.session = recording.session or session
            if recording.emptied:
                recording.emptied.cancel()
                recording.emptied = None


def stop_all(world: World, meeting: Meeting) -> None:
    """The session has ended: so have its recordings."""
    for recording in meeting.recordings:
        stop(world, recording, "ALL_PEERS_LEFT")


def active(meeting: Meeting) -> Recording | None:
    """The latest one that runs."""
    return next((recording for recording in reversed(meeting.recordings) if recording.running), None)


def duration(recording: Recording) -> int:
    """Whole seconds of recorded time."""
    if recording.started_at is None:
        return 0
    return round((recording.stopped_at or now()) - recording.started_at)


def show(world: World, recording: Recording) -> JSON:
    """A recording as REST answers it."""
    uploaded = recording.uploaded_at is not None
    url = f"{world.base_url}/_files/{recording.id}"
    shown: JSON = {
        "id": recording.id,
        "audio_download_url": f"{url}.aac" if uploaded else None,
        "download_url": f"{url}.mp4" if uploaded else None,
        "download_url_expiry": iso(recording.uploaded_at + KEPT_SECONDS) if recording.uploaded_at else None,
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


def show_reasons(world: World, recording: Recording) -> JSON:
    """The same with start_reason and stop_reason, as the calls about one recording answer it."""
    caller = {"name": "sandbox", "type": "ORGANIZATION", "user_Id": world.organization_id}
    shown = show(world, recording) | {"start_reason": {"reason": recording.started_by, "caller": caller}}
    if recording.stop_reason:
        shown["stop_reason"] = {"reason": recording.stop_reason, "caller": caller}
    return shown


def _roll(world: World, recording: Recording) -> None:
    recording.started_at = now()
    _move(world, recording, "RECORDING")


def _finish(world: World, recording: Recording) -> None:
    recording.uploaded_at = now()
    _move(world, recording, "UPLOADED")


def _move(world: World, recording: Recording, status: str) -> bool:
    recording.status = status
    world.emit(payloads.recording_update(world, recording, show(world, recording)))
    return True


def _fails(world: World, recording: Recording) -> bool:
    wanted = world.config.switches.recordings_fail_matching
    if wanted is not None and wanted in f"{recording.meeting.title}\n{recording.file_name}":
        return True
    length = (recording.stopped_at or 0) - recording.started_at if recording.started_at else 0
    return length < world.config.timings.recording_shortest
