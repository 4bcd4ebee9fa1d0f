"""Recordings over REST: start, list, get, stop, pause, resume."""

from orchestrator.sandbox.rest.bodies import RecordingActionBody, StartRecordingBody, StartTrackBody
from orchestrator.sandbox.rest.calls import Call, list_response
from orchestrator.sandbox.rest.responses import Response, ok
from orchestrator.sandbox.world import live, recorder
from orchestrator.sandbox.world.state import Meeting, Recording, Session, World
from orchestrator.sandbox.world.values import JSON, Refusal

STOP_REFUSED = {"conflict": 409, "bad_request": 400, "not_found": 404}
STATUSES = {"INVOKED", "RECORDING", "UPLOADING", "UPLOADED", "ERRORED", "PAUSED"}


def start(world: World, call: Call) -> Response:
    """POST /recordings: 200, not 201; refused while one runs; a switch decides about an empty meeting."""
    body = call.parse(StartRecordingBody)
    meeting = world.meeting(body.meeting_id)
    if recorder.active(meeting) and not body.allow_multiple_recordings:
        refused = 409 if world.config.switches.start_running_recording == "conflict" else 400
        raise Refusal(refused, "Recording already in progress")
    session = _session_to_record(world, meeting)
    recording = recorder.start(world, meeting, session, body.model_dump(), "API_CALL")
    return ok(recorder.show_with_reasons(world, recording))


def start_track(world: World, call: Call) -> Response:
    """POST /recordings/track: needs a live session, whatever the switches say."""
    meeting = world.meeting(call.parse(StartTrackBody).meeting_id)
    session = live.active_session(world, meeting)
    recording = recorder.start(world, meeting, session, {}, "API_CALL")
    return ok({"recording": recorder.show(world, recording)})


def find(world: World, call: Call) -> Response:
    """GET /recordings, latest first; `status` may be repeated, or a list with commas."""
    asked = call.query.get("status", [])
    asked = asked[-1:] if world.config.switches.recording_statuses == "last" else asked
    wanted = {status for value in asked for status in value.split(",")}
    if wanted - STATUSES:
        raise Refusal(400, f"status: must be one of {', '.join(sorted(STATUSES))}")
    found = [recording for recording in reversed(world.recordings.values()) if _wanted(call, recording, wanted)]
    if call.one_of("sort_order", "ASC", "DESC") == "ASC":
        found.reverse()

    def show(recording: Recording) -> JSON:
        meeting = {"id": recording.meeting.id, "title": recording.meeting.title}
        return recorder.show(world, recording) | {"meeting": meeting}

    return list_response(call, world, found, show)


def get(world: World, call: Call) -> Response:
    """GET /recordings/{id}."""
    return ok(recorder.show_with_reasons(world, _recording(world, call)))


def get_active(world: World, call: Call) -> Response:
    """GET /recordings/active-recording/{meeting_id}; 404 when none runs."""
    if recording := recorder.active(world.meeting(call.params["meeting_id"])):
        return ok(recorder.show(world, recording))
    raise Refusal(404, "No active recording found")


def act(world: World, call: Call) -> Response:
    """PUT /recordings/{id}: stops, pauses or resumes; 409 when the status does not allow it."""
    recording = _recording(world, call)
    action = call.parse(RecordingActionBody).action
    if action == "stop":
        if not recording.running and (refused := STOP_REFUSED.get(world.config.switches.stop_stopped_recording)):
            raise Refusal(refused, f"Recording is not running: {recording.status}")
        before = recorder.show_with_reasons(world, recording)
        recorder.stop(world, recording, "API_CALL")
        if world.config.switches.stop_answers == "running":
            return ok(before)
    elif not (recorder.pause if action == "pause" else recorder.resume)(world, recording):
        raise Refusal(409, f"Can't {action} a recording that is {recording.status}")
    return ok(recorder.show_with_reasons(world, recording))


def _session_to_record(world: World, meeting: Meeting) -> Session | None:
    session, switches = meeting.session, world.config.switches
    if session and session.live:
        return session
    if switches.record_empty_meeting == "refuse":
        raise Refusal(400, "No active session found: nobody is in the meeting")
    if session is None and switches.recorder_triggers_events:
        session = live.start_session(world, meeting)
        live.start_keep_alive(world, session)
    return session


def _recording(world: World, call: Call) -> Recording:
    if found := world.recordings.get(call.params["recording_id"]):
        return found
    raise Refusal(404, "Recording not found")


def _wanted(call: Call, recording: Recording, statuses: set[str]) -> bool:
    meeting, search = call.first("meeting_id"), (call.first("search") or "").lower()
    since, until = call.moment("start_time"), call.moment("end_time")
    return (
        (not statuses or recording.status in statuses)
        and (meeting is None or recording.meeting.id == meeting)
        and (since is None or recording.invoked_at >= since)
        and (until is None or recording.invoked_at <= until)
        and not call.flag("expired")
        and search
        in f"{recording.id}\n{recording.meeting.id}\n{recording.meeting.title}\n{recording.file_name}".lower()
    )
