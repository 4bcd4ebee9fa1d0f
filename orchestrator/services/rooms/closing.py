"""Closing a room: stop its recording, let nobody in any more, put out the people left. Every step may be repeated.

A step that fails does not prevent the others. Refusals are reported, and other failures are tried again. That people
were put out is recorded at once, whatever fails besides: they are on their way home.
"""

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.wording import count
from orchestrator.errors import LeaseLost, OutOfQuota, RealtimeKitError, Refused, Stopping
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout import recordings
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.passes.doubt import Doubt, find_ours, must_have_settled
from orchestrator.services.passes.records import delete_records
from orchestrator.services.people import presence
from orchestrator.services.result import Result
from orchestrator.services.rooms.polling import forget_polls
from orchestrator.services.rooms.work import RecordingWork, RoomWork, may_have_recordings
from orchestrator.store import due
from orchestrator.store.leases import Lease
from orchestrator.store.queries import occupied_rooms, recordings_of
from schemas.events import EventType, ProblemKind
from schemas.states import RoomState, RoomWanted
from schemas.tables import Event, Recording, Room


@dataclass
class Ended:
    """A pass whose calls are made, and which has yet to be recorded."""

    claim: due.Claim
    work: RoomWork
    found: dict[str, str] = field(default_factory=dict)
    """RealtimeKit's ids of recordings whose start had no answer."""
    stopped: dict[str, RecordingRecord | None] = field(default_factory=dict)
    surplus: list[str] = field(default_factory=list)
    """Living meetings that an unanswered create made beside the room's own."""
    refusals: list[str] = field(default_factory=list)
    failure: RealtimeKitError | None = None
    """The first one that is worth another try."""
    is_emptied: bool = False
    """Whether the people left were put out."""

    @property
    def puts_out(self) -> bool:
        """Whether the pass makes the call that puts people out. Most rooms are empty, and each call costs quota."""
        is_occupied = self.work.occupied or self.work.may_be_occupied
        return is_occupied and not self.work.is_another_rounds


def close(deps: Deps, lease: Lease, work: RoomWork) -> Result:
    """Leave nothing of the room at RealtimeKit but a retired meeting and its finished recordings."""
    must_have_settled(deps, work.in_doubt_since, work.now)
    ended = Ended(lease.claim, work)
    try:
        _end_at_realtimekit(deps, lease, ended)
    except RealtimeKitError:
        _record_emptied(deps, ended)
        raise
    result = deps.database.groups.run(_record_all, deps, work.breakout_id, ended)
    if result is None:
        raise LeaseLost(f"room {work.room_id} is somebody else's by now")
    return result


def _end_at_realtimekit(deps: Deps, lease: Lease, ended: Ended) -> None:
    """End the room's meeting, and then surplus ones, which nobody is in. Raises the first failure of a step."""
    kit, work = deps.realtimekit, ended.work
    if work.realtimekit_meeting_id:
        _find_recordings(deps, lease, ended, work.realtimekit_meeting_id)
        kit.run(_end_meeting(kit, work.realtimekit_meeting_id, ended), lease.before_call)
    if work.first_in_doubt_at is not None:
        with _noting_failure(ended):
            _find_surplus(deps, ended, Doubt(work.key, work.first_in_doubt_at, lease.before_call, Priority.CLOSING))
    if ended.surplus:
        _report_surplus(deps, ended)
        kit.run(_retire_surplus(kit, ended), lease.before_call)
    if ended.failure is not None:
        raise ended.failure


def _find_recordings(deps: Deps, lease: Lease, ended: Ended, meeting_id: str) -> None:
    """Record which recordings were started without our knowing, before they are stopped: only one that runs is found.

    Else it would be forgotten if this pass ended between the stop and its own record.
    """
    kit, work = deps.realtimekit, ended.work
    for recording in work.recordings:
        if recording.in_doubt and recording.realtimekit_recording_id is None:
            with _noting_failure(ended):
                running = kit.run(kit.active_recording(meeting_id, priority=Priority.CLOSING), lease.before_call)
                if running is not None:
                    _record_found(deps, ended, recording, running)


def _record_found(deps: Deps, ended: Ended, recording: RecordingWork, running: RecordingRecord) -> None:
    with locked(deps, ended.work.breakout_id) as b:
        due.record(b.tx, ended.claim, progress=False)
        recordings.note_started(b, b.tx.session.get_one(Recording, recording.id), running)
    ended.found[recording.id] = running.id


def _find_surplus(deps: Deps, ended: Ended, doubt: Doubt) -> None:
    found = find_ours(deps, doubt)
    ended.surplus = [meeting.id for meeting in found if meeting.id != ended.work.realtimekit_meeting_id]


def _report_surplus(deps: Deps, ended: Ended) -> None:
    """Report surplus meetings before they are retired.

    A retired meeting is not found any more, should this pass end before its record. Each is reported once.
    """
    work = ended.work
    with locked(deps, work.breakout_id) as b:
        due.record(b.tx, ended.claim, progress=False)
        reported = _reported_meetings(b)
        for meeting_id in ended.surplus:
            if meeting_id not in reported:
                detail = f"meeting {meeting_id}, of a create whose answer was lost, is not needed"
                b.report(ProblemKind.SURPLUS_RETIRED, detail, room_id=work.room_id, realtimekit_id=meeting_id)


def _reported_meetings(b: LockedBreakout) -> set[str]:
    """Return the surplus meetings that the breakout's log has."""
    of_problems = col(Event.breakout_id) == b.row.id, col(Event.type) == EventType.PROBLEM
    return {
        data.get("realtimekit_id", "")
        for data in b.tx.session.scalars(select(col(Event.data)).where(*of_problems))
        if data["what"] == ProblemKind.SURPLUS_RETIRED
    }


async def _end_meeting(kit: RealtimeKit, meeting_id: str, ended: Ended) -> None:
    """End a room's meeting, in an order that RealtimeKit allows.

    1. Stop the recordings.
    2. Retire the meeting, or people who are put out could come back. One that a later round uses stays.
    3. Put out the people who are left.
    """
    for recording in ended.work.recordings:
        await _attempt(ended, _stop(kit, recording, ended))
    if not ended.work.keeps_meeting:
        await _attempt(ended, kit.retire_meeting(meeting_id))
    if ended.puts_out:
        await _attempt(ended, _put_out(kit, meeting_id, ended))


async def _put_out(kit: RealtimeKit, meeting_id: str, ended: Ended) -> None:
    await kit.kick_all(meeting_id)
    ended.is_emptied = True


async def _retire_surplus(kit: RealtimeKit, ended: Ended) -> None:
    for surplus_id in ended.surplus:
        await _attempt(ended, _retire_with_records(kit, surplus_id))


async def _retire_with_records(kit: RealtimeKit, meeting_id: str) -> None:
    """Retire a meeting without the people whom its pass may have added, because once retired it is not found again."""
    await delete_records(kit, meeting_id, priority=Priority.CLOSING)
    await kit.retire_meeting(meeting_id)


async def _attempt(ended: Ended, step: Coroutine[Any, Any, None]) -> None:
    with _noting_failure(ended):
        await step


@contextmanager
def _noting_failure(ended: Ended) -> Iterator[None]:
    """Keep the error of a step, which must not prevent the steps after it."""
    try:
        yield
    except Refused as error:
        ended.refusals.append(error.message)
    except (OutOfQuota, Stopping):
        raise
    except RealtimeKitError as error:
        ended.failure = ended.failure or error


async def _stop(kit: RealtimeKit, recording: RecordingWork, ended: Ended) -> None:
    """Stop a recording, even one that was started without our knowing."""
    realtimekit_id = recording.realtimekit_recording_id or ended.found.get(recording.id)
    if realtimekit_id is not None:
        stopped = await kit.stop_recording(realtimekit_id)
        ended.stopped[recording.id] = stopped or RecordingRecord(id=realtimekit_id, status="UPLOADING")


def _record_emptied(deps: Deps, ended: Ended) -> None:
    """Record that people were put out, if they were, although the room has yet to be closed."""
    if not ended.is_emptied:
        return
    with locked(deps, ended.work.breakout_id) as b:
        b.lock_rooms()
        due.record(b.tx, ended.claim, progress=False)
        presence.note_emptied(b, [b.tx.session.get_one(Room, ended.work.room_id, populate_existing=True)])


def _record_all(deps: Deps, breakout_id: str, batch: list[Ended]) -> list[Result | None]:
    """Record passes over rooms of one breakout. None stands for a room whose claim is lost."""
    with locked(deps, breakout_id) as b:
        b.lock_rooms()
        reached = [one.work.room_id for one in batch if one.work.realtimekit_meeting_id]
        rooms = due.record_all(b.tx, [one.claim for one in batch], reached)
        mine = [one for one in batch if one.work.room_id in rooms]
        closed = [room.id for room in rooms.values() if room.wanted is RoomWanted.CLOSED]
        stopped = {row_id: fact for one in mine for row_id, fact in one.stopped.items()}
        with_recordings = [room.id for room in rooms.values() if room.id in closed and may_have_recordings(room, b.row)]
        for recording in recordings_of(b.tx.session, with_recordings) if with_recordings else []:
            recordings.end_with_room(b, recording, stopped.get(recording.id))
        forget_polls(b, (room for room in rooms.values() if room.id in closed))
        quiet = {one.work.room_id for one in mine if not one.puts_out and not one.work.is_another_rounds}
        occupied = occupied_rooms(b.tx.session, quiet) if quiet else set()
        if emptied := [room for room_id, room in rooms.items() if room_id not in quiet]:
            presence.note_emptied(b, emptied)
        for one in mine:
            _record_one(b, rooms[one.work.room_id], one)
        due.release_all(b.tx, [one.claim for one in mine])
        due.want(b.tx, Room, occupied)  # people who came during the pass are put out by the next
        return [_result(rooms[one.work.room_id], one) if one.work.room_id in rooms else None for one in batch]


def _result(room: Room, one: Ended) -> Result:
    return Result(f"{room.state}, {count(len(one.stopped), 'recording')} stopped")


def _record_one(b: LockedBreakout, room: Room, one: Ended) -> None:
    for words in one.refusals:
        b.report(ProblemKind.REALTIMEKIT_REFUSED, words, room_id=room.id)
    if room.state in (RoomState.PLANNED, RoomState.CLOSING):
        room.error = None
        b.move_rooms([room], RoomState.CLOSED)
    if room.wanted is RoomWanted.CLOSED:  # else it was wanted again meanwhile
        room.kept = one.work.keeps_meeting and (room.kept or room.retired_at is None)  # else a later round took it over
        room.retired_at = b.now
