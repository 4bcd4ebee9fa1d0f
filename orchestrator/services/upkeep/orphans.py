"""Finding orphans: meetings and recordings at RealtimeKit that nobody here needs any more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import Session, col

from orchestrator.realtimekit.records import MeetingRecord, RecordingRecord
from orchestrator.realtimekit.titles import parent_key, room_key
from orchestrator.store.database import database_now
from schemas.states import ENDED, BreakoutState
from schemas.tables import Breakout, Meeting, Recording, Room

MIN_AGE = timedelta(hours=1)
"""A meeting younger than this may belong to a room that has not been recorded yet."""

Suspect = tuple[MeetingRecord, Room | None]
"""A meeting that nobody needs, and its room if that is known."""


class Fate(StrEnum):
    """What became of an orphan."""

    RETIRED = "retired"
    STOPPED = "stopped"
    TO_BE_RETIRED = "to be retired"
    TO_BE_STOPPED = "to be stopped"
    IN_USE = "in use"
    REFUSED = "refused"


@dataclass(frozen=True)
class End:
    """What came of trying to end an orphan."""

    fate: Fate
    refusal: str = ""
    """RealtimeKit's words for a refusal."""


@dataclass(frozen=True)
class Orphan:
    """Something at RealtimeKit that nobody here needs."""

    kind: str
    realtimekit_id: str
    fate: Fate
    refusal: str = ""
    breakout_id: str | None = None
    room_id: str | None = None


def orphan(kind: str, realtimekit_id: str, end: End, room: Room | None) -> Orphan:
    """Return a meeting or recording as an orphan, with what became of it."""
    owner = (room.breakout_id, room.id) if room else (None, None)
    return Orphan(kind, realtimekit_id, end.fate, end.refusal, *owner)


def meetings_nobody_needs(
    session: Session, install: str, meetings: Iterable[MeetingRecord], *, unknown: bool
) -> list[Suspect]:
    """Return the meetings that are older than MIN_AGE and that no living breakout and no caller needs.

    With `unknown` they include those of rooms that the database does not know.
    """
    before = database_now(session) - MIN_AGE
    old = [meeting for meeting in meetings if meeting.created_at and meeting.created_at < before]
    surplus: list[Suspect] = [(meeting, None) for meeting in _surplus_parents(session, install, old)]
    return [*_unowned(session, install, old, unknown=unknown), *surplus]


def _unowned(session: Session, install: str, meetings: Sequence[MeetingRecord], *, unknown: bool) -> list[Suspect]:
    """Return meetings of rooms that no living breakout owns."""
    ours = {meeting.id: key for meeting in meetings if (key := room_key(meeting.title, install))}
    rooms = _rooms(session, col(Room.key).in_(set(ours.values())))
    owned = {room.key for room, state in rooms if _is_owned(room, state)}
    by_key = {room.key: room for room, _ in rooms}
    reused = _reused(session, ours)
    return [
        (meeting, by_key.get(ours[meeting.id]))
        for meeting in meetings
        if meeting.id in ours.keys() - reused
        and ours[meeting.id] not in owned
        and (unknown or ours[meeting.id] in by_key)
    ]


def _reused(session: Session, meeting_ids: Iterable[str]) -> set[str | None]:
    """Return the meetings that rounds of a series share, and that a living one has or that are kept for one."""
    rooms = _rooms(session, col(Room.realtimekit_meeting_id).in_(list(meeting_ids)))
    return {room.realtimekit_meeting_id for room, state in rooms if room.kept or _is_owned(room, state)}


def _surplus_parents(session: Session, install: str, meetings: Sequence[MeetingRecord]) -> list[MeetingRecord]:
    """Return meetings with the key of a parent whose meeting is another one, unless somebody has adopted them since."""
    keys = {meeting.id: key for meeting in meetings if (key := parent_key(meeting.title, install))}
    known = or_(col(Meeting.key).in_(set(keys.values())), col(Meeting.realtimekit_meeting_id).in_(keys))
    parents = session.scalars(select(Meeting).where(known)).all()
    made, adopted = {parent.key for parent in parents}, {parent.realtimekit_meeting_id for parent in parents}
    return [it for it in meetings if it.id in keys and keys[it.id] in made and it.id not in adopted]


def closed_room_of(session: Session, record: RecordingRecord) -> Room | None:
    """Return the room that a recording belongs to, if nothing may be recorded there any more.

    One that is not known here belongs to none of the rooms of a series that share its meeting while one of them lives.
    """
    known = select(col(Recording.room_id)).where(col(Recording.realtimekit_recording_id) == record.id)
    room_id = session.scalar(known)
    condition = col(Room.id) == room_id if room_id else col(Room.realtimekit_meeting_id) == record.meeting_id
    rooms = _rooms(session, condition) if room_id or record.meeting_id else []
    return None if any(_is_owned(room, state) for room, state in rooms) else next((room for room, _ in rooms), None)


def _rooms(session: Session, condition: Any) -> list[tuple[Room, BreakoutState]]:
    statement = select(Room, col(Breakout.state)).join(Breakout, col(Breakout.id) == col(Room.breakout_id))
    return [(room, state) for room, state in session.execute(statement.where(condition))]


def _is_owned(room: Room, state: BreakoutState) -> bool:
    """Return whether the room lives, may yet be opened, or its own task still has something to do."""
    return room.retired_at is None and (state not in ENDED or room.due_at is not None)
