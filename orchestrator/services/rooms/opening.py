"""Opening a room, and keeping it as wanted: its child meeting, its people admitted and invited, its recording."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.errors import Conflict, LeaseLost, OutcomeUnknown, RealtimeKitError, Refused, TryAgain
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import MeetingRecord, ParticipantRecord, RecordingRecord
from orchestrator.services.breakout import recordings, steps
from orchestrator.services.breakout.invitations import invite
from orchestrator.services.breakout.leaving import have_left, keep_watching
from orchestrator.services.breakout.moves import move_recording, move_seats, report_problem
from orchestrator.services.deps import Deps
from orchestrator.services.passes.admission import Outcome, admit_all, first_to_retry, stays_in_doubt, without_names
from orchestrator.services.passes.doubt import find_ours, must_have_settled
from orchestrator.services.rooms.patience import Failed, retry_or_give_up, seek_evidence
from orchestrator.services.rooms.work import RoomWork, mark_guests
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import lock_breakout, occupied_rooms, raise_versions, seats_of_rooms
from schemas.states import RecordingState, SeatState
from schemas.tables import Breakout, Recording, Room, Seat

LONGEST_RECORDING_SECONDS = 86_400
RECORDING_TRIES = 4
"""RealtimeKit may refuse to record a room for a moment although somebody is in it by what we know."""


@dataclass(frozen=True)
class Made:
    """A child meeting that is there, and that has yet to be recorded."""

    claim: due.Claim
    work: RoomWork
    meeting_id: str


@dataclass(frozen=True)
class Results:
    """What the calls of one pass gave, before it is recorded."""

    admissions: dict[str, Outcome]
    recording: RecordingRecord | RealtimeKitError | None
    kick: RealtimeKitError | None
    rename: RealtimeKitError | None

    @property
    def error(self) -> RealtimeKitError | None:
        """The first failure that is worth another try."""
        return first_to_retry([*self.admissions.values(), self.recording, self.kick, self.rename])


@dataclass(frozen=True)
class Reached:
    """A pass whose calls are made, and that has yet to be recorded."""

    claim: due.Claim
    work: RoomWork
    results: Results
    sealed: dict[str, str] = field(repr=False)
    """The tokens that were got, encrypted, by seat."""


def open_or_keep(deps: Deps, lease: Lease, work: RoomWork) -> str:
    """One pass towards an open room with everybody admitted and, once somebody is there, recorded."""
    meeting_id = work.realtimekit_meeting_id or _have_meeting(deps, lease, work)
    results = deps.realtimekit.run(_bring_about(deps.realtimekit, meeting_id, work), lease.before_call)
    if results.error is not None:
        seek_evidence(deps, lease, results.error, work.priority)
    return _store(deps, lease.claim, work, results)


async def _bring_about(kit: RealtimeKit, meeting_id: str, work: RoomWork) -> Results:
    admissions = await admit_all(kit, meeting_id, work.guests)
    recording = await _record(kit, meeting_id, work) if work.recording_to_start else None
    still_there = [leaver.custom_participant_id for leaver in work.leavers if leaver.still_there]
    kick = await _error_of(kit.kick(meeting_id, still_there, priority=Priority.MOVING))
    rename = await _error_of(kit.rename_meeting(meeting_id, work.title)) if work.is_misnamed else None
    return Results(admissions, recording, kick, rename)


async def _error_of(call: Coroutine[Any, Any, None]) -> RealtimeKitError | None:
    try:
        await call
    except RealtimeKitError as error:
        return error
    return None


def _have_meeting(deps: Deps, lease: Lease, work: RoomWork) -> str:
    """Make the child meeting, or adopt the one that an earlier, unrecorded try has made."""
    meeting = _look_up(deps, lease, work) if work.in_doubt_since else None
    if meeting is None:
        try:
            create = deps.realtimekit.create_meeting(
                work.title, keep_alive_seconds=deps.settings.session_keep_alive_seconds, priority=work.priority
            )
            meeting = deps.realtimekit.run(create, lease.before_call)
        except (TryAgain, Refused):
            if work.in_doubt_since is None:
                _store_doubt(deps, lease.claim, doubted=False)
            raise
        except OutcomeUnknown:  # the call may have waited long for its turn, and the search settles from now on
            _store_doubt(deps, lease.claim, doubted=True)
            raise
    made = Made(lease.claim, work, meeting.id)
    if not deps.database.together(f"made {work.breakout_id}", made, lambda batch: _store_made(deps, batch)):
        raise LeaseLost(f"room {work.room_id} is somebody else's by now")
    return meeting.id


def _store_made(deps: Deps, batch: list[Made]) -> list[bool]:
    """Whether each room is still its worker's, and its meeting was recorded."""
    with deps.database.transaction() as tx:
        rooms = due.record_all(tx, [one.claim for one in batch], [one.work.room_id for one in batch])
        mine = [one for one in batch if one.work.room_id in rooms]
        for one in mine:
            room = rooms[one.work.room_id]
            room.realtimekit_meeting_id, room.name_at_realtimekit = one.meeting_id, one.work.name
            room.in_doubt_since = None
        mark_guests(tx, [one.work for one in mine])
        return [one.work.room_id in rooms for one in batch]


def _look_up(deps: Deps, lease: Lease, work: RoomWork) -> MeetingRecord | None:
    """Find the meeting by its title's ending; the search may lag, so a miss counts only some time after the doubt."""
    hits = deps.realtimekit.run(find_ours(deps, work.key, work.priority), lease.before_call)
    if hits:
        return hits[0]
    must_have_settled(deps, work.in_doubt_since, work.now)
    _store_doubt(deps, lease.claim, doubted=True)
    return None


def _store_doubt(deps: Deps, claim: due.Claim, *, doubted: bool) -> None:
    """The meeting may have been made as late as now, or certainly was not."""
    with deps.database.transaction() as tx:
        due.record(tx, claim, progress=False)
        tx.session.get_one(Room, claim.row_id).in_doubt_since = tx.now() if doubted else None


async def _record(kit: RealtimeKit, meeting_id: str, work: RoomWork) -> RecordingRecord | RealtimeKitError:
    """Start the recording, or adopt the one that runs already."""
    wanted = work.recording_to_start
    try:
        if wanted and wanted.in_doubt and (running := await kit.active_recording(meeting_id)):
            return running
        try:
            return await kit.start_recording(
                meeting_id,
                max_seconds=work.max_seconds or LONGEST_RECORDING_SECONDS,
                file_name_prefix=work.file_name_prefix or work.key,
            )
        except Conflict:
            running = await kit.active_recording(meeting_id)
            if running is None:
                raise
            return running
    except RealtimeKitError as error:
        return error


def _store(deps: Deps, claim: due.Claim, work: RoomWork, results: Results) -> str:
    """Record everything the pass has reached, together with the other rooms of the breakout that are as far.

    They all need the breakout's lock. One after the other, each with a dozen statements, 100 rooms took longer to
    record than to open (measured).
    """
    reached = Reached(claim, work, results, _sealed(deps, results))
    answer = deps.database.together(
        f"opening {work.breakout_id}", reached, lambda batch: _store_all(deps, work.breakout_id, batch)
    )
    if answer is None:
        raise LeaseLost(f"room {work.room_id} is somebody else's by now")
    return answer


def _store_all(deps: Deps, breakout_id: str, batch: list[Reached]) -> list[str | None]:
    """One line for each pass; None where the room is not its worker's any more, and nothing was written."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        progress = [one.work.room_id for one in batch if one.sealed]
        rooms = due.record_all(tx, [one.claim for one in batch], progress)
        seats = seats_of_rooms(tx, rooms)
        now = tx.now()
        mine = [one for one in batch if one.work.room_id in rooms]
        words = {
            one.work.room_id: _store_one(
                tx, breakout, rooms[one.work.room_id], seats[one.work.room_id], one=one, now=now
            )
            for one in mine
        }
        asked = [one for one in mine if first_to_retry([one.results.kick]) is None]
        have_left(tx, [leaver.seat_id for one in asked for leaver in one.work.leavers])
        invite(deps, tx, breakout, [(room, seats[room.id]) for room in rooms.values()], now)
        for room_id, line in _release(deps, tx, breakout, [(rooms[one.work.room_id], one) for one in mine]).items():
            words[room_id].append(line)
        keep_watching(tx, rooms, min((one.work.now for one in mine), default=now))
        steps.look(deps, tx, breakout)
        lines = {room_id: ", ".join(said) or str(rooms[room_id].state) for room_id, said in words.items()}
        return [lines.get(one.work.room_id) for one in batch]


def _store_one(
    tx: Transaction, breakout: Breakout, room: Room, seats: list[Seat], *, one: Reached, now: datetime
) -> list[str]:
    words = _store_admissions(tx, breakout, seats, one=one, now=now) if one.results.admissions else []
    if one.work.recording_to_start and one.results.recording:
        words.append(_store_recording(tx, breakout, room, one=one, now=now))
    if one.work.is_misnamed and not first_to_retry([one.results.rename]):
        room.name_at_realtimekit = one.work.name
    for refused in (it for it in (one.results.kick, one.results.rename) if isinstance(it, Refused)):
        report_problem(tx, breakout, now, what="RealtimeKit refused", detail=refused.message, room_id=room.id)
    return words


def _to_retry(room: Room, one: Reached) -> RealtimeKitError | None:
    """What the room needs another pass for; a refused recording of a room with people in it, only a few times."""
    refused = one.results.recording
    if isinstance(refused, Refused) and one.work.occupied and room.tries < RECORDING_TRIES:
        return one.results.error or refused
    return one.results.error


def _release(deps: Deps, tx: Transaction, breakout: Breakout, batch: list[tuple[Room, Reached]]) -> dict[str, str]:
    """Give the rooms back; a line for each that has not reached all."""
    errors = [(room, one, _to_retry(room, one)) for room, one in batch]
    due.release_all(tx, [one.claim for _, one, error in errors if error is None])
    lines = {}
    for room, one, error in errors:
        if error is not None:
            said = without_names(error.message, one.work.guests)
            lines[room.id] = retry_or_give_up(deps, tx, breakout, Failed(room, one.claim, error, said))
    return lines


def _sealed(deps: Deps, results: Results) -> dict[str, str]:
    """The tokens that were got, encrypted, by seat."""
    return {
        row_id: deps.vault.seal(outcome.token)
        for row_id, outcome in results.admissions.items()
        if isinstance(outcome, ParticipantRecord) and outcome.token
    }


def _store_admissions(
    tx: Transaction, breakout: Breakout, seats: list[Seat], *, one: Reached, now: datetime
) -> list[str]:
    admitted: list[Seat] = []
    renewed: list[Seat] = []
    refused: list[Seat] = []
    doubted = {guest.row_id for guest in one.work.guests if guest.in_doubt}
    for seat in seats:
        outcome = one.results.admissions.get(seat.id)
        if outcome is None:
            continue
        seat.in_doubt = stays_in_doubt(outcome, before=seat.id in doubted)
        if isinstance(outcome, ParticipantRecord):
            seat.realtimekit_participant_id = outcome.id
            seat.auth_token = one.sealed.get(seat.id)
            seat.error = None
            (admitted if seat.state is SeatState.ASSIGNED else renewed).append(seat)
        elif isinstance(outcome, Refused):
            seat.error = outcome.message
            refused.append(seat)
    move_seats(tx, breakout, {SeatState.ADMITTED: admitted}, now)
    if renewed:
        raise_versions(tx, breakout.meeting_id, [seat.participant_id for seat in renewed])
    _report_refused(tx, breakout, refused, now)
    words = [f"{len(admitted)} admitted"]
    if refused:
        words.append(f"{len(refused)} refused: {without_names(refused[0].error or '', one.work.guests)}")
    return words


def _report_refused(tx: Transaction, breakout: Breakout, seats: list[Seat], now: datetime) -> None:
    for seat in seats:
        report_problem(
            tx,
            breakout,
            now,
            what="participant refused",
            detail=seat.error or "",
            room_id=seat.room_id,
            custom_participant_id=tx.names[seat.participant_id],
        )


def _store_recording(tx: Transaction, breakout: Breakout, room: Room, *, one: Reached, now: datetime) -> str:
    wanted, result = one.work.recording_to_start, one.results.recording
    assert wanted is not None
    assert result is not None
    recording = tx.session.get_one(Recording, wanted.id, populate_existing=True)
    if isinstance(result, RecordingRecord):
        recording.realtimekit_recording_id = result.id
        recording.in_doubt, recording.error = False, None
        recording.started_at = result.started_at or now
        recordings.merge(tx, breakout, recording, result, now)
        return "recording started"
    recording.in_doubt = wanted.in_doubt or not isinstance(result, TryAgain | Refused)
    recording.error = result.message
    if isinstance(result, Refused) and room.tries >= RECORDING_TRIES and occupied_rooms(tx.session, [room.id]):
        move_recording(tx, breakout, recording, RecordingState.FAILED, now)
        report_problem(tx, breakout, now, what="recording refused", detail=result.message, room_id=room.id)
    return f"not recorded: {result.message}"
