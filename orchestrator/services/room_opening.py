"""Opening a room, and keeping it as wanted: its child meeting, its people admitted and invited, its recording."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import Conflict, RealtimeKitError, Refused, TryAgain
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.records import MeetingRecord, ParticipantRecord, RecordingRecord
from orchestrator.realtimekit.titles import ends_with_key
from orchestrator.services import recordings, steps
from orchestrator.services.admission import Outcome, admit_all, first_to_retry
from orchestrator.services.deps import Deps
from orchestrator.services.leased import release_for_retry
from orchestrator.services.moves import move_recording, move_rooms, move_seats, report_problem
from orchestrator.services.room_work import RecordingWork, RoomWork, mark_guests
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.leases import Lease
from orchestrator.store.queries import custom_ids, is_occupied, lock_breakout, raise_versions
from schemas.states import RecordingState, RoomState, RoomWanted, SeatState
from schemas.tables import Breakout, Recording, Room, Seat

LONGEST_RECORDING_SECONDS = 86_400


@dataclass(frozen=True)
class Results:
    """What the calls of one pass gave, before it is recorded."""

    admissions: dict[str, Outcome]
    recording: RecordingRecord | RealtimeKitError | None

    @property
    def error(self) -> RealtimeKitError | None:
        """The first failure that is worth another try."""
        return first_to_retry([*self.admissions.values(), self.recording])


def open_or_keep(deps: Deps, lease: Lease, work: RoomWork) -> str:
    """One pass towards an open room with everybody admitted and, once somebody is there, recorded."""
    meeting_id = work.realtimekit_meeting_id or _have_meeting(deps, lease, work)
    results = deps.realtimekit.run(_bring_about(deps.realtimekit, meeting_id, work), lease.before_call)
    return _store(deps, lease.claim, work, results)


async def _bring_about(kit: RealtimeKit, meeting_id: str, work: RoomWork) -> Results:
    admissions = await admit_all(kit, meeting_id, work.guests)
    return Results(admissions, await _record(kit, meeting_id, work) if work.recording_to_start else None)


def _have_meeting(deps: Deps, lease: Lease, work: RoomWork) -> str:
    """Make the child meeting, or adopt the one that an earlier, unrecorded try has made."""
    meeting = _look_up(deps, lease, work) if work.in_doubt_since else None
    if meeting is None:
        try:
            create = deps.realtimekit.create_meeting(
                work.title, keep_alive_seconds=deps.settings.session_keep_alive_seconds
            )
            meeting = deps.realtimekit.run(create, lease.before_call)
        except (TryAgain, Refused):
            _forget_doubt(deps, lease.claim)
            raise
    with deps.database.transaction() as tx:
        due.record(tx, lease.claim)
        room = tx.session.get_one(Room, work.room_id)
        room.realtimekit_meeting_id = meeting.id
        room.in_doubt_since = None
        mark_guests(tx, work)
    return meeting.id


def _look_up(deps: Deps, lease: Lease, work: RoomWork) -> MeetingRecord | None:
    """Find the meeting by its title's ending; the search may lag, so a miss counts only some time after the doubt."""
    hits = deps.realtimekit.run(find_ours(deps.realtimekit, deps.install, work.key), lease.before_call)
    if hits:
        return hits[0]
    assert work.in_doubt_since is not None
    settled_at = work.in_doubt_since + timedelta(
        seconds=deps.settings.realtimekit_timeout_seconds + deps.settings.search_settle_seconds
    )
    if work.now < settled_at:
        wait = (settled_at - work.now).total_seconds()
        raise TryAgain("an earlier try may have made the meeting; its search has to settle", retry_after=wait)
    with deps.database.transaction() as tx:
        due.record(tx, lease.claim, progress=False)
        tx.session.get_one(Room, work.room_id).in_doubt_since = tx.now()
    return None


async def find_ours(kit: RealtimeKit, install: str, key: str) -> list[MeetingRecord]:
    """Living meetings whose title ends in our mark for this room, compared exactly: how a search matches is unknown."""
    return [hit for hit in await kit.find_meetings(key) if ends_with_key(hit.title, install, key)]


def _forget_doubt(deps: Deps, claim: due.Claim) -> None:
    """It certainly was not made."""
    with deps.database.transaction() as tx:
        due.record(tx, claim, progress=False)
        tx.session.get_one(Room, claim.row_id).in_doubt_since = None


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
    """Record everything the pass has reached, in one transaction under the breakout's lock."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, work.breakout_id)
        due.record(tx, claim, progress=any(isinstance(it, ParticipantRecord) for it in results.admissions.values()))
        now = tx.now()
        room = tx.session.get_one(Room, work.room_id, populate_existing=True)
        words = _store_admissions(deps, tx, breakout, results, now)
        if work.recording_to_start and results.recording:
            words.append(_store_recording(tx, breakout, work.recording_to_start, results.recording, now))
        _invite(tx, breakout, room, now)
        if results.error is None:
            due.release(tx, claim, due_at=None)
        else:
            words.append(f"will try again: {results.error.message}")
            release_for_retry(tx, claim, results.error)
        steps.look(deps, tx, breakout)
        return ", ".join(words) or str(room.state)


def _store_admissions(deps: Deps, tx: Transaction, breakout: Breakout, results: Results, now: datetime) -> list[str]:
    if not results.admissions:
        return []
    seats = tx.session.scalars(select(Seat).where(col(Seat.id).in_(results.admissions))).all()
    admitted, refused = [], []
    for seat in seats:
        outcome = results.admissions[seat.id]
        seat.in_doubt = not isinstance(outcome, ParticipantRecord | TryAgain | Refused)
        if isinstance(outcome, ParticipantRecord) and outcome.token and seat.state is SeatState.ASSIGNED:
            seat.realtimekit_participant_id = outcome.id
            seat.auth_token = deps.vault.seal(outcome.token)
            admitted.append(seat)
        elif isinstance(outcome, Refused):
            seat.error = outcome.message
            refused.append(seat)
    move_seats(tx, breakout, {SeatState.ADMITTED: admitted}, now)
    _report_refused(tx, breakout, refused, now)
    return [f"{len(admitted)} admitted", *([f"{len(refused)} refused: {refused[0].error}"] if refused else [])]


def _report_refused(tx: Transaction, breakout: Breakout, seats: list[Seat], now: datetime) -> None:
    names = custom_ids(tx.session, [seat.participant_id for seat in seats]) if seats else {}
    for seat in seats:
        report_problem(
            tx,
            breakout,
            now,
            what="participant refused",
            detail=seat.error or "",
            room_id=seat.room_id,
            custom_participant_id=names[seat.participant_id],
        )


def _store_recording(
    tx: Transaction,
    breakout: Breakout,
    wanted: RecordingWork,
    result: RecordingRecord | RealtimeKitError,
    now: datetime,
) -> str:
    recording = tx.session.get_one(Recording, wanted.id, populate_existing=True)
    if isinstance(result, RecordingRecord):
        recording.realtimekit_recording_id = result.id
        recording.in_doubt = False
        recording.started_at = result.started_at or now
        recordings.merge(tx, breakout, recording, result, now)
        return f"recording {recording.state}"
    recording.in_doubt = not isinstance(result, TryAgain | Refused)
    if isinstance(result, Refused):
        recording.error = result.message
        if is_occupied(tx.session, recording.room_id):
            move_recording(tx, breakout, recording, RecordingState.FAILED, now)
            report_problem(
                tx, breakout, now, what="recording refused", detail=result.message, room_id=recording.room_id
            )
    return f"not recorded: {result.message}"


def _invite(tx: Transaction, breakout: Breakout, room: Room, now: datetime) -> None:
    """Open the room once nobody of it waits to be admitted, and tell those admitted to come."""
    if room.wanted is not RoomWanted.OPEN:
        return
    tx.session.flush()
    seats = tx.session.scalars(select(Seat).where(col(Seat.room_id) == room.id, col(Seat.wanted))).all()
    if room.state is RoomState.PREPARING:
        if any(seat.state is SeatState.ASSIGNED and seat.error is None for seat in seats):
            return
        move_rooms(tx, breakout, [room], RoomState.READY, now)
        move_rooms(tx, breakout, [room], RoomState.OPEN, now)
    admitted = [seat for seat in seats if seat.state is SeatState.ADMITTED]
    move_seats(tx, breakout, {SeatState.INVITED: admitted}, now)
    if admitted:
        raise_versions(tx, breakout.meeting_id, [seat.participant_id for seat in admitted])
