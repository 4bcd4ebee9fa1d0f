"""What a room's pass works with: plain facts, read once, because no database object may live across a call."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, or_, select, update
from sqlmodel import Session, col

from orchestrator.domain.recording import file_name
from orchestrator.domain.tokens import has_good_token
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.titles import title_with_key
from orchestrator.services.breakout.leaving import Leaver, leavers
from orchestrator.services.breakout.reusing import kept_for_later, used_by_live_round
from orchestrator.services.breakout.watching import webhooks_come
from orchestrator.services.deps import Deps
from orchestrator.services.passes.admission import Guest, differs, not_as_sent, preset
from orchestrator.store.database import Transaction, execute, time_after
from orchestrator.store.queries import occupied_rooms, recordings_of, rooms_with_unseen
from schemas.states import HOLDS_TOKEN, BreakoutState, RecordingState, RoomState, RoomWanted, SeatState
from schemas.tables import Breakout, Meeting, Participant, Recording, Room, Seat


@dataclass(frozen=True)
class RecordingWork:
    """A recording that has yet to be started or stopped."""

    id: str
    state: RecordingState
    realtimekit_recording_id: str | None
    in_doubt: bool
    pause_wanted: bool | None
    """Whether it is to be paused or resumed; None: neither."""
    by_host: bool
    """Whether it runs because a host has started it, although the room is not to be recorded."""


@dataclass(frozen=True)
class RoomWork:
    """A room as it stood when the pass began."""

    room_id: str
    breakout_id: str
    wanted: RoomWanted
    name: str
    name_at_realtimekit: str | None
    title: str
    key: str
    realtimekit_meeting_id: str | None
    keeps_meeting: bool
    """Whether a later round of the series uses the child meeting, so that it is not retired with the room."""
    is_another_rounds: bool
    """Whether a later round is live in the child meeting, so that who is there is not to be put out."""
    to_check: bool
    """Whether the meeting may be gone or INACTIVE."""
    in_doubt_since: datetime | None
    first_in_doubt_at: datetime | None
    now: datetime
    guests: list[Guest]
    leavers: list[Leaver]
    recordings: list[RecordingWork]
    has_polls: bool
    """Whether polls are to be made in it."""
    is_recorded: bool
    """Whether it is to be recorded while people are there."""
    occupied: bool
    may_be_occupied: bool
    """Whether people may be there although nobody is known to be."""
    max_seconds: int | None
    file_name: str
    """What the names of its recordings' files begin with."""
    priority: Priority
    """The priority of calls that make something for the room."""

    @property
    def is_misnamed(self) -> bool:
        """Whether the child meeting that is there already bears another name than the room."""
        return self.realtimekit_meeting_id is not None and self.name != self.name_at_realtimekit

    @property
    def recording_to_start(self) -> RecordingWork | None:
        """The recording that waits, if somebody is in the room. RealtimeKit may refuse to record an empty one."""
        waiting = [recording for recording in self.recordings if recording.state is RecordingState.REQUESTED]
        return waiting[0] if waiting and self.occupied and self.is_recorded else None

    @property
    def recordings_to_stop(self) -> list[RecordingWork]:
        """The recordings that run, or may run, although an operator has stopped recording the room."""
        return [] if self.is_recorded else [one for one in self.recordings if not one.by_host]

    @property
    def recordings_to_pause(self) -> list[RecordingWork]:
        """The recordings that an operator has paused or resumed."""
        kept = [one for one in self.recordings if self.is_recorded or one.by_host]
        return [one for one in kept if one.state is RecordingState.RECORDING and one.pause_wanted is not None]


@dataclass(frozen=True)
class _Around:
    """What is stored around the rooms of some passes, by room."""

    now: datetime
    priorities: Mapping[str, Priority]
    """Of rooms that are to be filled; the others are to be closed."""
    guests: Mapping[str, list[Guest]]
    leavers: Mapping[str, list[Leaver]]
    recordings: Mapping[str, list[RecordingWork]]
    occupied: set[str]
    unseen: set[str]
    kept: set[str]
    another_rounds: set[str]


@cache
def _rooms(dialect: str) -> Select[tuple[Room, Breakout, Meeting, datetime]]:
    """Select rooms, what they belong to, and the time."""
    return (
        select(Room, Breakout, Meeting, time_after(dialect))
        .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
        .join(Meeting, col(Meeting.id) == col(Breakout.meeting_id))
        .where(col(Room.id).in_(bindparam("some")))
    )


def begin_work(deps: Deps, tx: Transaction, room_ids: Sequence[str]) -> dict[str, RoomWork]:
    """Read everything the passes need to know, and mark what they are about to ask for as in doubt.

    It stays in doubt until its outcome is recorded.
    """
    found = tx.session.execute(_rooms(tx.dialect), {"some": list(room_ids)}).all()
    if not found:
        return {}
    around = _look_around(tx.session, [(room, breakout) for room, breakout, _, _ in found], found[0][-1])
    works = {room.id: _work(deps, room, breakout, meeting, around) for room, breakout, meeting, _ in found}
    _mark_doubts(tx, [room for room, *_ in found if room.id in around.priorities], works)
    return works


def _look_around(session: Session, found: Sequence[tuple[Room, Breakout]], now: datetime) -> _Around:
    """Read what is stored around rooms. Each kind of it is one statement, however many rooms there are."""
    rooms = [room for room, _ in found]
    filled = [room for room in rooms if room.wanted in (RoomWanted.READY, RoomWanted.OPEN)]
    priorities = {room.id: _priority(room) for room in filled}
    failing = {room.id for room in filled if room.tries > URGENT_TRIES}
    to_close = [room.id for room in rooms if room.wanted is RoomWanted.CLOSED]
    sharing = [room for room, breakout in found if breakout.series_id is not None and room.id in to_close]
    again = [room for room in sharing if room.retired_at is not None]
    return _Around(
        now=now,
        priorities=priorities,
        guests=_guests(session, priorities, failing, now),
        leavers=leavers(session, priorities, now) if priorities else {},
        recordings=_recordings(session, [room.id for room, breakout in found if may_have_recordings(room, breakout)]),
        occupied=occupied_rooms(session, [room.id for room in rooms]),
        unseen=rooms_with_unseen(session, to_close) if to_close else set(),
        kept=kept_for_later(session, sharing) if sharing else set(),
        another_rounds=used_by_live_round(session, again) if again else set(),
    )


def may_have_recordings(room: Room, breakout: Breakout) -> bool:
    """Return whether a room may have recordings that run, or are wanted. Most breakouts are not recorded at all."""
    return breakout.record or room.record is not None or room.recorded_otherwise is True


def _work(deps: Deps, room: Room, breakout: Breakout, meeting: Meeting, around: _Around) -> RoomWork:
    return RoomWork(
        room_id=room.id,
        breakout_id=breakout.id,
        wanted=room.wanted,
        name=room.name,
        name_at_realtimekit=room.name_at_realtimekit,
        title=title_with_key(f"{breakout.name} · {room.name}", deps.install, room.key),
        key=room.key,
        realtimekit_meeting_id=room.realtimekit_meeting_id,
        keeps_meeting=room.id in around.kept,
        is_another_rounds=room.id in around.another_rounds,
        to_check=room.to_check,
        in_doubt_since=room.in_doubt_since,
        first_in_doubt_at=room.first_in_doubt_at or room.in_doubt_since,
        now=around.now,
        guests=around.guests.get(room.id, []),
        leavers=around.leavers.get(room.id, []),
        recordings=around.recordings.get(room.id, []),
        has_polls=room.has_polls,
        is_recorded=breakout.record if room.record is None else room.record,
        occupied=room.id in around.occupied,
        may_be_occupied=_may_be_occupied(room, breakout, meeting, around),
        max_seconds=breakout.recording_max_seconds,
        file_name=file_name(breakout.recording_file_name_prefix or room.key, room.index + 1, room.name),
        priority=around.priorities.get(room.id, Priority.CLOSING),
    )


def _may_be_occupied(room: Room, breakout: Breakout, meeting: Meeting, around: _Around) -> bool:
    """Return whether people may be in a room although nobody is known to be."""
    if breakout.state is BreakoutState.CANCELLED:
        return False
    return room.id in around.unseen or not webhooks_come(meeting, breakout.starts_at)


def _mark_doubts(tx: Transaction, rooms: Sequence[Room], works: Mapping[str, RoomWork]) -> None:
    """Mark each thing that is asked for next. Should the answer be lost, it may be there without our knowing."""
    for room in rooms:
        room.first_in_doubt_at = works[room.id].first_in_doubt_at
        if room.realtimekit_meeting_id is None:
            room.in_doubt_since = room.in_doubt_since or works[room.id].now
        if works[room.id].is_misnamed:
            room.name_at_realtimekit = None
    _mark_guests(tx, works.values())
    starting = [it.id for room in rooms if (it := works[room.id].recording_to_start)]
    if starting:
        tx.session.execute(update(Recording).where(col(Recording.id).in_(starting)).values(in_doubt=True))


def without_doubts(work: RoomWork) -> RoomWork:
    """Return the work of a room with a new meeting: nobody can have been admitted to it before."""
    return replace(work, guests=[replace(guest, in_doubt=False) for guest in work.guests])


def _mark_guests(tx: Transaction, works: Iterable[RoomWork]) -> None:
    """Mark guests as perhaps admitted without our knowing."""
    ids = [guest.row_id for work in works for guest in work.guests]
    if ids:
        tx.session.execute(update(Seat).where(col(Seat.id).in_(ids)).values(in_doubt=True))


def _priority(room: Room) -> Priority:
    """Return how urgent calls for a room are. People admitted to an open room move there, or came late."""
    if room.wanted is RoomWanted.READY:
        return Priority.PREPARING
    return Priority.MOVING if room.state is RoomState.OPEN else Priority.OPENING


_OUTDATED = or_(
    col(Seat.token_renew_at) <= bindparam("now"),
    and_(col(Seat.auth_token).is_(None), col(Seat.token_renew_at).is_(None)),
    differs(Seat),
)
"""One that could not be made waits until `token_renew_at`, like one that could not be renewed."""
URGENT_TRIES = 3
"""So many passes of a room that fails renew tokens as urgently as they are needed."""
_TRIED_OTHERWISE = col(Seat.preset_at_realtimekit).is_not(None) & not_as_sent(Seat)
_GUESTS = (
    select(
        col(Seat.id),
        col(Seat.room_id),
        col(Seat.state),
        col(Seat.in_doubt),
        col(Seat.realtimekit_participant_id),
        col(Seat.name_at_realtimekit),
        col(Seat.preset_at_realtimekit),
        col(Seat.auth_token),
        col(Seat.token_good_until),
        col(Seat.token_wanted),
        col(Participant.custom_participant_id),
        col(Participant.name),
        preset(Seat).label("preset_name"),
    )
    .join(Participant, col(Participant.id) == col(Seat.participant_id))
    .join(Breakout, col(Breakout.id) == col(Seat.breakout_id))
    .join(Meeting, col(Meeting.id) == col(Participant.meeting_id))
    .where(
        col(Seat.room_id).in_(bindparam("some")),
        col(Seat.wanted),
        (col(Seat.state) == SeatState.ASSIGNED) | (col(Seat.state).in_(HOLDS_TOKEN) & _OUTDATED),
        col(Seat.error).is_(None) | _TRIED_OTHERWISE,
    )
)


def _guests(
    session: Session, urgent: Mapping[str, Priority], failing: Collection[str], now: datetime
) -> defaultdict[str, list[Guest]]:
    """Return the people of each room who have yet to be admitted, or whose token or record is not as it should be.

    Somebody whom RealtimeKit has refused is tried again when their name or preset has changed since. Tokens of rooms
    that go on `failing` are not urgent any more, because they would use up the quota.
    """
    found: defaultdict[str, list[Guest]] = defaultdict(list)
    if not urgent:
        return found
    for row in execute(session, _GUESTS, {"some": list(urgent), "now": now}):
        waits = row.room_id in failing and row.state in HOLDS_TOKEN
        priority = Priority.PREPARING if waits else urgent[row.room_id]
        found[row.room_id].append(_guest(row, priority, now))
    return found


def _guest(row: Any, urgent: Priority, now: datetime) -> Guest:
    is_as_sent = (row.name_at_realtimekit, row.preset_at_realtimekit) == (row.name, row.preset_name)
    has_token = has_good_token(row, now) and not row.token_wanted  # a browser was refused with the one there is
    return Guest(
        row_id=row.id,
        custom_participant_id=row.custom_participant_id,
        name=row.name,
        preset_name=row.preset_name,
        in_doubt=row.in_doubt,
        realtimekit_participant_id=row.realtimekit_participant_id,
        name_at_realtimekit=row.name_at_realtimekit,
        preset_at_realtimekit=row.preset_at_realtimekit,
        priority=Priority.PREPARING if has_token and is_as_sent else urgent,
        has_token=has_token,
    )


def _recordings(session: Session, room_ids: Sequence[str]) -> defaultdict[str, list[RecordingWork]]:
    unfinished = (RecordingState.REQUESTED, RecordingState.RECORDING)
    found: defaultdict[str, list[RecordingWork]] = defaultdict(list)
    for recording in recordings_of(session, room_ids) if room_ids else []:
        if recording.state in unfinished:
            found[recording.room_id].append(_recording_work(recording))
    return found


def _recording_work(recording: Recording) -> RecordingWork:
    its_id = recording.realtimekit_recording_id
    return RecordingWork(
        recording.id, recording.state, its_id, recording.in_doubt, recording.pause_wanted, recording.by_host
    )
