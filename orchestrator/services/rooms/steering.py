"""What an operator wants of a running recording: stopped, paused, resumed. Every call may be repeated."""

from collections.abc import Mapping

from orchestrator.errors import RealtimeKitError, Refused
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout import recordings
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.keeping_recorded import want
from orchestrator.services.result import Result
from orchestrator.services.rooms.work import RecordingWork, RoomWork
from orchestrator.store.queries import recordings_of
from schemas.events import ProblemKind
from schemas.states import OVER, RecordingState
from schemas.tables import Recording, Room

ENDED_RECORDING = OVER | {RecordingState.SKIPPED}
Steered = RecordingRecord | RealtimeKitError | None
"""RealtimeKit's answer; None: no recording ran."""


def steered_by(work: RoomWork) -> list[RecordingWork]:
    """Return the recordings about which a pass makes calls for an operator."""
    return [*work.recordings_to_stop, *work.recordings_to_pause]


async def steer(kit: RealtimeKit, meeting_id: str, work: RoomWork) -> dict[str, Steered]:
    """Make the calls. One that fails does not prevent the others."""
    return {one.id: await _call(kit, meeting_id, one, work) for one in steered_by(work)}


async def _call(kit: RealtimeKit, meeting_id: str, one: RecordingWork, work: RoomWork) -> Steered:
    try:
        if one in work.recordings_to_stop:
            return await _stop(kit, meeting_id, one)
        assert one.realtimekit_recording_id is not None
        return await kit.set_recording_paused(one.realtimekit_recording_id, paused=one.pause_wanted is True)
    except RealtimeKitError as error:
        return error


async def _stop(kit: RealtimeKit, meeting_id: str, one: RecordingWork) -> RecordingRecord | None:
    """Stop a recording, even one that may have been started without our knowing."""
    realtimekit_id = one.realtimekit_recording_id
    if realtimekit_id is None:
        running = await kit.active_recording(meeting_id)
        realtimekit_id = running.id if running else None
    if realtimekit_id is None:
        return None
    stopped = await kit.stop_recording(realtimekit_id)
    return stopped or RecordingRecord(id=realtimekit_id, status="UPLOADING")


def record_steered(b: LockedBreakout, room: Room, work: RoomWork, results: Mapping[str, Steered]) -> list[Result]:
    """Record what became of an operator's wishes. One that RealtimeKit refuses is reported, and forgotten."""
    return [_record(b, room, work, one, results[one.id]) for one in steered_by(work)]


def _record(b: LockedBreakout, room: Room, work: RoomWork, one: RecordingWork, result: Steered) -> Result:
    recording = b.tx.session.get_one(Recording, one.id, populate_existing=True)
    if isinstance(result, RealtimeKitError):
        if isinstance(result, Refused):
            recording.pause_wanted = None
            b.report(ProblemKind.REALTIMEKIT_REFUSED, result.message, room_id=room.id)
        return Result("recording not changed", result.message)
    if one in work.recordings_to_stop:
        return _record_stop(b, room, recording, result)
    return _record_pause(b, recording, one.pause_wanted is True, result)


def _record_stop(b: LockedBreakout, room: Room, recording: Recording, result: RecordingRecord | None) -> Result:
    """Record a stop. Should an operator have started the room again meanwhile, another recording is wanted."""
    if recording.state not in OVER:
        recordings.stop_by_operator(b, recording, result)
    b.tx.session.flush()
    if recordings_of(b.tx.session, [room.id])[-1].state in ENDED_RECORDING:
        want(b, [room])
    return Result("recording stopped")


def _record_pause(b: LockedBreakout, recording: Recording, paused: bool, result: RecordingRecord | None) -> Result:
    """Record a pause or a resumption, unless it has ended meanwhile. What RealtimeKit answers may be older."""
    if result is not None:
        recordings.merge(b, recording, result)
    if recording.state is RecordingState.RECORDING:
        recording.paused = paused
    if recording.pause_wanted is paused:
        recording.pause_wanted = None
    return Result("recording paused" if paused else "recording resumed")
