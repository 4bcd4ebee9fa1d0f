"""Opening a room, and keeping it as wanted: people admitted, recording started, leavers put out, name right."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from orchestrator.domain.recording import LONGEST_SECONDS
from orchestrator.errors import LeaseLost, NotFound, RealtimeKitError, Refused
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.deps import Deps
from orchestrator.services.passes.admission import admit_all, waited_for
from orchestrator.services.passes.keeping import kept
from orchestrator.services.result import Result
from orchestrator.services.rooms.checking import check
from orchestrator.services.rooms.making import find_or_make
from orchestrator.services.rooms.patience import seek_evidence
from orchestrator.services.rooms.polling import make_polls
from orchestrator.services.rooms.putting_out import put_out
from orchestrator.services.rooms.reached import Reached, RoomOutcomes, record_all
from orchestrator.services.rooms.steering import steer
from orchestrator.services.rooms.work import RoomWork, without_doubts
from orchestrator.store.leases import Lease


def open_or_keep(deps: Deps, lease: Lease, work: RoomWork) -> Result:
    """Bring a room nearer to being open with everybody admitted and, once somebody is there, recorded.

    1. Find or make the child meeting. One that may be gone is checked first.
    2. Make the calls. One that fails does not prevent the others. Those that put people out come last.
    3. Record what they reached, together with other rooms of the breakout that are as far. Each record takes the
       breakout's lock and a dozen statements: one by one, 100 rooms took longer to record than to open (measured).
    """
    meeting_id = work.realtimekit_meeting_id
    if meeting_id and work.to_check and (lost := check(deps, lease, work, meeting_id)):
        return lost
    made = None if meeting_id else find_or_make(deps, lease, work)
    if made is not None:
        meeting_id = made.meeting_id
        work = without_doubts(work) if made.is_new else work
    assert meeting_id is not None
    outcomes = deps.realtimekit.run(_make_calls(deps.realtimekit, meeting_id, work), lease.before_call)
    outcomes = replace(outcomes, polls=make_polls(deps, lease, work, meeting_id))
    outcomes = replace(outcomes, kick=put_out(deps, lease, work, meeting_id))
    if outcomes.error is not None:
        seek_evidence(deps, lease, outcomes.error, work.priority)
    reached = Reached(lease.claim, work, made, outcomes, kept(deps, work.guests, outcomes.admissions, work.now))
    result = deps.database.groups.run(record_all, deps, work.breakout_id, reached)
    if result is None:
        raise LeaseLost(f"room {work.room_id} is somebody else's by now")
    return result


async def _make_calls(kit: RealtimeKit, meeting_id: str, work: RoomWork) -> RoomOutcomes:
    """Make the calls. Where the meeting seems to be gone, nothing else is of use before that is checked."""
    admissions = await admit_all(kit, meeting_id, work.guests)
    recording = await _record(kit, meeting_id, work) if work.recording_to_start else None
    steered = await steer(kit, meeting_id, work)
    rename = await _error_of(kit.rename_meeting(meeting_id, work.title)) if work.is_misnamed else None
    if not work.to_check and any(isinstance(outcome, NotFound) for outcome in admissions.values()):
        return RoomOutcomes({}, [], None, None, {}, is_suspect=True)
    return RoomOutcomes(admissions, waited_for(work.guests, admissions), recording, rename, steered)


async def _error_of(call: Coroutine[Any, Any, None]) -> RealtimeKitError | None:
    try:
        await call
    except RealtimeKitError as error:
        return error
    return None


async def _record(kit: RealtimeKit, meeting_id: str, work: RoomWork) -> RecordingRecord | RealtimeKitError:
    """Start the recording, or adopt the one that runs already."""
    wanted = work.recording_to_start
    try:
        if wanted and wanted.in_doubt and (running := await kit.active_recording(meeting_id)):
            return running
        try:
            return await kit.start_recording(
                meeting_id,
                max_seconds=work.max_seconds or LONGEST_SECONDS,
                file_name_prefix=work.file_name,
            )
        except Refused:  # how a second recording is refused is undocumented
            running = await kit.active_recording(meeting_id)
            if running is None:
                raise
            return running
    except RealtimeKitError as error:
        return error
