"""Closing a room: stop its recording, let nobody in any more, put out who is left; every step is safe to repeat.

A step that fails keeps none of the others from being done: what is refused is reported, the rest is tried again.
"""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.wording import count
from orchestrator.errors import LeaseLost, OutOfQuota, RealtimeKitError, Refused, Stopping
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import RecordingRecord
from orchestrator.services.breakout import recordings, steps
from orchestrator.services.breakout.moves import move_rooms, report_problem
from orchestrator.services.deps import Deps
from orchestrator.services.passes.doubt import find_ours, must_have_settled
from orchestrator.services.people import presence
from orchestrator.services.rooms.work import RecordingWork, RoomWork
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import lock_breakout, occupied_rooms, recordings_of
from schemas.states import RoomState, RoomWanted
from schemas.tables import Breakout, Event, Room


@dataclass
class Ended:
    """A pass whose calls are made, and that has yet to be recorded."""

    claim: due.Claim
    work: RoomWork
    stopped: dict[str, RecordingRecord | None] = field(default_factory=dict)
    surplus: list[str] = field(default_factory=list)
    """Meetings that an unanswered create made beside the room's own, and that live."""
    refusals: list[str] = field(default_factory=list)
    failure: RealtimeKitError | None = None
    """The first one that is worth another try."""

    @property
    def puts_out(self) -> bool:
        """Whether it puts out who is left: nobody is in most rooms, and each call counts."""
        return self.work.occupied or self.work.may_be_occupied


def close(deps: Deps, lease: Lease, work: RoomWork) -> str:
    """One pass that leaves nothing of the room at RealtimeKit but a retired meeting and its finished recordings."""
    must_have_settled(deps, work.in_doubt_since, work.now)
    ended = Ended(lease.claim, work)
    if work.ever_in_doubt:
        deps.realtimekit.run(_attempt(ended, _find_surplus(deps, ended)), lease.before_call)
    if ended.surplus:
        _report_surplus(deps, ended)
    deps.realtimekit.run(_end_at_realtimekit(deps.realtimekit, ended), lease.before_call)
    if ended.failure is not None:
        raise ended.failure
    answer = deps.database.together(
        f"closing {work.breakout_id}", ended, lambda batch: _store_all(deps, work.breakout_id, batch)
    )
    if answer is None:
        raise LeaseLost(f"room {work.room_id} is somebody else's by now")
    return answer


async def _find_surplus(deps: Deps, ended: Ended) -> None:
    found = await find_ours(deps, ended.work.key, Priority.CLOSING)
    ended.surplus = [meeting.id for meeting in found if meeting.id != ended.work.realtimekit_meeting_id]


def _report_surplus(deps: Deps, ended: Ended) -> None:
    """Before it is retired: what is retired is not found any more, should this pass end before its record."""
    work = ended.work
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, work.breakout_id)
        due.record(tx, ended.claim, progress=False)
        problems = select(col(Event.data)).where(col(Event.breakout_id) == breakout.id, col(Event.type) == "problem")
        told = " ".join(problem["detail"] for problem in tx.session.scalars(problems))
        for meeting_id in (it for it in ended.surplus if it not in told):
            detail = f"meeting {meeting_id}, of a create whose answer was lost, is not needed"
            report_problem(tx, breakout, tx.now(), what="surplus retired", detail=detail, room_id=work.room_id)


async def _end_at_realtimekit(kit: RealtimeKit, ended: Ended) -> None:
    """Retire before putting people out, or they could come back in between; RealtimeKit takes either order."""
    work, meeting_id = ended.work, ended.work.realtimekit_meeting_id
    if meeting_id:
        for recording in work.recordings:
            await _attempt(ended, _stop(kit, meeting_id, recording, ended))
        await _attempt(ended, kit.retire_meeting(meeting_id))
        if ended.puts_out:
            await _attempt(ended, kit.kick_all(meeting_id))
    for surplus_id in ended.surplus:
        await _attempt(ended, kit.retire_meeting(surplus_id))


async def _attempt(ended: Ended, step: Coroutine[Any, Any, None]) -> None:
    try:
        await step
    except Refused as error:
        ended.refusals.append(error.message)
    except (OutOfQuota, Stopping):
        raise
    except RealtimeKitError as error:
        ended.failure = ended.failure or error


async def _stop(kit: RealtimeKit, meeting_id: str, recording: RecordingWork, ended: Ended) -> None:
    """Stop a recording, also one that may have been started without our knowing."""
    realtimekit_id = recording.realtimekit_recording_id
    if realtimekit_id is None and recording.in_doubt:
        running = await kit.active_recording(meeting_id, priority=Priority.CLOSING)
        realtimekit_id = running.id if running else None
    if realtimekit_id is not None:
        stopped = await kit.stop_recording(realtimekit_id)
        ended.stopped[recording.id] = stopped or RecordingRecord(id=realtimekit_id, status="UPLOADING")


def _store_all(deps: Deps, breakout_id: str, batch: list[Ended]) -> list[str | None]:
    """One line for each pass; None where the room is not its worker's any more, and nothing was written."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        reached = [one.work.room_id for one in batch if one.work.realtimekit_meeting_id]
        rooms = due.record_all(tx, [one.claim for one in batch], reached)
        now = tx.now()
        mine = [one for one in batch if one.work.room_id in rooms]
        closed = [room.id for room in rooms.values() if room.wanted is RoomWanted.CLOSED]
        stopped = {row_id: fact for one in mine for row_id, fact in one.stopped.items()}
        for recording in recordings_of(tx.session, closed) if breakout.record else []:
            recordings.room_has_closed(tx, breakout, recording, stopped.get(recording.id), now)
        for one in mine:
            _store_one(tx, breakout, rooms[one.work.room_id], one, now)
        late = occupied_rooms(tx.session, [one.work.room_id for one in mine if not one.puts_out])
        presence.emptied(deps, tx, breakout, [room_id for room_id in rooms if room_id not in late], now)
        due.release_all(tx, [one.claim for one in mine])
        due.want(tx, Room, late)  # somebody came while the pass was at work, and is put out by the next
        steps.look(deps, tx, breakout)
        return [
            f"{rooms[one.work.room_id].state}, {count(len(one.stopped), 'recording')} stopped" if one in mine else None
            for one in batch
        ]


def _store_one(tx: Transaction, breakout: Breakout, room: Room, one: Ended, now: datetime) -> None:
    for words in one.refusals:
        report_problem(tx, breakout, now, what="RealtimeKit refused", detail=words, room_id=room.id)
    if room.state in (RoomState.PLANNED, RoomState.CLOSING):
        room.error = None
        move_rooms(tx, breakout, [room], RoomState.CLOSED, now)
    if room.wanted is RoomWanted.CLOSED:  # else it was asked for again meanwhile
        room.retired_at = now
