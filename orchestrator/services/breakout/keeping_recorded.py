"""Keeping the rooms of a locked breakout recorded while people are there, as far as the breakout is to be recorded.

It may be called after anything that concerns a recording or a room's people: domain/recording.py decides by what is
stored.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlmodel import col

from orchestrator.domain.recording import MOST_REPLACED, LatestRecording, Step, next_step, replace_at
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.store import due
from orchestrator.store.queries import Refill, in_use, occupied_rooms, recordings_of, refilled_rooms
from schemas.events import ProblemKind
from schemas.states import OVER, POINTS_TO_ROOM, WITHOUT_SUCCESSOR, RecordingEnd, RecordingState
from schemas.tables import Recording, Room, Seat
from schemas.tasks import Task


def want(b: LockedBreakout, rooms: Iterable[Room]) -> None:
    """Want one recording of each room, if the breakout is to be recorded. It starts when somebody is in the room."""
    wanted = [room for room in rooms if is_recorded(b, room)]
    b.tx.session.add_all(Recording(breakout_id=b.row.id, room_id=room.id, created_at=b.now) for room in wanted)


def is_recorded(b: LockedBreakout, room: Room) -> bool:
    """Return whether a room is to be recorded while people are there: an operator's word on it goes first."""
    return b.row.record if room.record is None else room.record


def recorded_rooms(b: LockedBreakout, room_ids: Iterable[str]) -> set[str]:
    """Return those of the rooms in which people may be, and which are to be recorded."""
    b.tx.session.flush()
    said = col(Room.record).is_not(False) if b.row.record else col(Room.record).is_(True)
    return set(b.tx.session.scalars(select(col(Room.id)).where(col(Room.id).in_(list(room_ids)), in_use(), said)))


def open_rooms(b: LockedBreakout, room_ids: Iterable[str]) -> set[str]:
    """Return those of the rooms in which people may be: they are open, or their own countdown runs."""
    b.tx.session.flush()
    return set(b.tx.session.scalars(select(col(Room.id)).where(col(Room.id).in_(list(room_ids)), in_use())))


def on_joined(b: LockedBreakout, room_ids: set[str]) -> None:
    """See that each of these rooms is recorded, because somebody has joined.

    A recording that waits for people is due. One that should still run is asked about if the room was empty before,
    because RealtimeKit ends it 60 seconds after the last person has left (RealtimeKit docs), and its webhook may be
    late or lost.
    """
    steps = keep_recorded(b, room_ids)
    due.want(b.tx, Room, [it.room_id for it, step in steps if step is Step.START], Task.ROOM_RECORD)
    due.want(b.tx, Recording, [it.id for it, step in steps if step is Step.ASK])


def keep_recorded(b: LockedBreakout, room_ids: Iterable[str]) -> list[tuple[Recording, Step]]:
    """Let another recording follow in each of these rooms that wants one. Returns the latest ones and their steps."""
    if b.row.sent_home_at is not None or not room_ids:
        return []
    latest = {it.room_id: it for it in recordings_of(b.tx.session, recorded_rooms(b, room_ids))}
    if not latest:
        return []
    occupied, refills = occupied_rooms(b.tx.session, latest), refilled_rooms(b.tx.session, latest)
    steps = [
        (it, next_step(_facts(it, room_id in occupied, refills.get(room_id)), b.now)) for room_id, it in latest.items()
    ]
    for recording, step in steps:
        if step is Step.WAIT:
            _wait(b, recording)
        elif step is Step.GIVE_UP:
            _give_up(b, recording)
    follow = [_next(recording, step, b.now) for recording, step in steps if step in (Step.AGAIN, Step.REPLACE)]
    b.tx.session.add_all(follow)
    due.want(b.tx, Room, [it.room_id for it in follow], Task.ROOM_RECORD)
    over = {it.room_id: is_over(it) and step not in (Step.AGAIN, Step.REPLACE) for it, step in steps}
    show(b, {room_id: False if is_so else None for room_id, is_so in over.items()})
    return steps


def is_over(latest: Recording) -> bool:
    """Return whether a room's latest recording has ended so that no other follows."""
    return latest.state in OVER and latest.ended_by in WITHOUT_SUCCESSOR


def show(b: LockedBreakout, otherwise: Mapping[str, bool | None]) -> None:
    """Store whether these rooms are recorded otherwise than is wanted, and have their people told where that is new."""
    b.tx.session.flush()
    statement = select(col(Room.id), col(Room.recorded_otherwise)).where(col(Room.id).in_(list(otherwise)))
    before = dict(b.tx.session.execute(statement).all())
    changed = {room_id: otherwise[room_id] for room_id, was in before.items() if was is not otherwise[room_id]}
    for value in (True, False, None):
        if ids := [room_id for room_id, is_so in changed.items() if is_so is value]:
            b.tx.session.execute(update(Room).where(col(Room.id).in_(ids)).values(recorded_otherwise=value))
    tell_people(b, changed)


def show_hosts(b: LockedBreakout, room_id: str) -> None:
    """Store of a room that is not to be recorded whether a host records it, and have its people told if that is new."""
    b.tx.session.flush()
    runs = any(it.by_host and it.state is RecordingState.RECORDING for it in recordings_of(b.tx.session, [room_id]))
    show(b, {room_id: True if runs else None})


def tell_people(b: LockedBreakout, room_ids: Collection[str]) -> None:
    """Raise the versions of the seats in these rooms, because whether they are recorded has changed."""
    if room_ids:
        there = or_(col(Seat.wanted), col(Seat.state).in_(POINTS_TO_ROOM))  # who moves away is shown the old room yet
        seated = select(col(Seat.participant_id)).where(col(Seat.room_id).in_(list(room_ids)), there)
        b.people.raise_versions(b.tx.session.scalars(seated).all())


def _facts(recording: Recording, occupied: bool, refill: Refill | None) -> LatestRecording:
    return LatestRecording(
        state=recording.state,
        ended_by=recording.ended_by,
        stopped_at=recording.stopped_at,
        replaced=recording.replaced,
        occupied=occupied,
        emptied_at=refill.emptied_at if refill else None,
        filled_at=refill.filled_at if refill else None,
    )


def _wait(b: LockedBreakout, recording: Recording) -> None:
    """Have the recording looked at when it is to be replaced. Should the room close before, that is reported too."""
    assert recording.stopped_at is not None
    recording.unrecorded_since = recording.unrecorded_since or recording.stopped_at
    recording.follow_at = replace_at(recording.stopped_at, recording.replaced, recording.ended_by)
    due.due_by(b.tx, Recording, {recording.id: recording.follow_at})


def _give_up(b: LockedBreakout, recording: Recording) -> None:
    """Report that nothing is recorded any more. The next recording, or the room's end, reports until when."""
    assert recording.stopped_at is not None
    since = recording.unrecorded_since or recording.stopped_at
    recording.ended_by, recording.unrecorded_since = RecordingEnd.GIVEN_UP, since
    detail = f"nothing is recorded from {since.isoformat()} on, and {MOST_REPLACED} more recordings were tried"
    b.report(ProblemKind.RECORDING_INTERRUPTED, detail, room_id=recording.room_id)


def _next(recording: Recording, step: Step, now: datetime) -> Recording:
    """Return a recording that follows this one, and takes over since when nothing is recorded."""
    is_replaced = step is Step.REPLACE
    since = recording.unrecorded_since or (recording.stopped_at if is_replaced else None)
    recording.unrecorded_since = None
    return Recording(
        breakout_id=recording.breakout_id,
        room_id=recording.room_id,
        created_at=now,
        in_doubt=recording.in_doubt,
        replaced=recording.replaced + is_replaced,
        unrecorded_since=since,
    )
