"""What a room's pass works with: plain facts, read once, so that no database object lives across a call."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session, col

from orchestrator.realtimekit.titles import child_title
from orchestrator.services.admission import Guest, preset_of
from orchestrator.services.deps import Deps
from orchestrator.services.polling import webhooks_come
from orchestrator.store.database import Transaction
from orchestrator.store.queries import is_occupied, recordings_of
from schemas.states import RecordingState, RoomWanted, SeatState
from schemas.tables import Breakout, Meeting, Participant, Recording, Room, Seat


@dataclass(frozen=True)
class RecordingWork:
    """A recording that has yet to be started, or may have to be stopped."""

    id: str
    state: RecordingState
    realtimekit_recording_id: str | None
    in_doubt: bool


@dataclass(frozen=True)
class RoomWork:
    """A room as it stood when the pass began."""

    room_id: str
    breakout_id: str
    wanted: RoomWanted
    title: str
    key: str
    realtimekit_meeting_id: str | None
    in_doubt_since: datetime | None
    ever_in_doubt: bool
    now: datetime
    guests: list[Guest]
    recordings: list[RecordingWork]
    occupied: bool
    webhooks_come: bool
    max_seconds: int | None
    file_name_prefix: str | None

    @property
    def recording_to_start(self) -> RecordingWork | None:
        """The recording that waits, now that somebody is in the room (RealtimeKit may refuse to record nobody)."""
        waiting = [recording for recording in self.recordings if recording.state is RecordingState.REQUESTED]
        return waiting[0] if waiting and self.occupied else None


def read_work(deps: Deps, tx: Transaction, room_id: str) -> RoomWork:
    """Everything the pass needs to know; what it is about to ask for is in doubt from here until it is recorded."""
    session = tx.session
    room = session.get_one(Room, room_id)
    breakout = session.get_one(Breakout, room.breakout_id)
    meeting = session.get_one(Meeting, breakout.meeting_id)
    work = RoomWork(
        room_id=room_id,
        breakout_id=breakout.id,
        wanted=room.wanted,
        title=child_title(f"{breakout.name} · {room.name}", deps.install, room.key),
        key=room.key,
        realtimekit_meeting_id=room.realtimekit_meeting_id,
        in_doubt_since=room.in_doubt_since,
        ever_in_doubt=room.ever_in_doubt or room.in_doubt_since is not None,
        now=tx.now(),
        guests=_guests(session, room, meeting) if room.wanted is RoomWanted.OPEN else [],
        recordings=_recordings(session, room_id) if breakout.record else [],
        occupied=is_occupied(session, room_id),
        webhooks_come=webhooks_come(meeting, breakout.starts_at),
        max_seconds=breakout.recording_max_seconds,
        file_name_prefix=breakout.recording_file_name_prefix,
    )
    if room.wanted is RoomWanted.OPEN:
        _mark_doubts(tx, room, work)
    return work


def _mark_doubts(tx: Transaction, room: Room, work: RoomWork) -> None:
    room.ever_in_doubt = work.ever_in_doubt
    if room.realtimekit_meeting_id is None:
        room.in_doubt_since = room.in_doubt_since or work.now
    else:
        mark_guests(tx, work)
    if work.recording_to_start:
        tx.session.get_one(Recording, work.recording_to_start.id).in_doubt = True


def mark_guests(tx: Transaction, work: RoomWork) -> None:
    """From here on each guest may have been admitted without our knowing."""
    ids = [guest.row_id for guest in work.guests]
    if not ids:
        return
    tx.session.execute(update(Seat).where(col(Seat.id).in_(ids)).values(in_doubt=True))


def _guests(session: Session, room: Room, meeting: Meeting) -> list[Guest]:
    statement = (
        select(Seat, Participant)
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(
            col(Seat.room_id) == room.id,
            col(Seat.wanted),
            col(Seat.state) == SeatState.ASSIGNED,
            col(Seat.error).is_(None),
        )
    )
    return [
        Guest(
            row_id=seat.id,
            custom_participant_id=person.custom_participant_id,
            name=person.name,
            preset_name=preset_of(meeting, person),
            in_doubt=seat.in_doubt,
        )
        for seat, person in session.execute(statement)
    ]


def _recordings(session: Session, room_id: str) -> list[RecordingWork]:
    unfinished = (RecordingState.REQUESTED, RecordingState.RECORDING)
    return [_work(recording) for recording in recordings_of(session, [room_id]) if recording.state in unfinished]


def _work(recording: Recording) -> RecordingWork:
    return RecordingWork(recording.id, recording.state, recording.realtimekit_recording_id, recording.in_doubt)
