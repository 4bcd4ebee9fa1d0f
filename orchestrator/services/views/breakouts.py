"""What the API answers about breakouts: a constant number of queries, however many rooms and people there are."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.domain.membership import may_be_seated, takes_people
from orchestrator.domain.room_clocks import ends_at
from orchestrator.errors import Unknown
from orchestrator.services.reach import EVERYTHING, Reach
from orchestrator.services.views import plans
from orchestrator.services.views.pages import Asked, page
from orchestrator.store import queries
from schemas.events import EventType
from schemas.problems import ProblemCode
from schemas.responses import (
    BreakoutResponse,
    BreakoutSummary,
    Page,
    ParticipantProgress,
    Problem,
    Progress,
    RecordingProgress,
    RecordingResponse,
    RoomProgress,
    RoomRecordingResponse,
    RoomResponse,
    SeatedPerson,
)
from schemas.states import BreakoutState, RecordingState, Role, RoomState, SeatState
from schemas.tables import Breakout, Event, Meeting, Participant, Recording, Room, Seat

MOST_PROBLEMS = 2000
"""The most problems in one answer. The log has them all."""

_R, _S, _C = RoomState, SeatState, RecordingState


def breakout(session: Session, breakout_id: str) -> BreakoutResponse:
    """Return B with its rooms. Raises Unknown."""
    row = session.get(Breakout, breakout_id)
    if row is None:
        raise Unknown(f"there is no breakout {breakout_id}", ProblemCode.UNKNOWN_BREAKOUT)
    rooms = queries.rooms_of(session, row.id)
    people = _seated(session, row.id)
    recordings = _recordings(session, row.id)
    progress = _progress(
        Counter(room.state for room in rooms),
        Counter(person.state for seated in people.values() for person in seated)
        + Counter(queries.without_seat(session, [row.id]).values()),
        Counter(recording.state for recording in recordings),
    )
    hosts = _hosts(session, row) if row.include_hosts == "one_per_room" else {}
    latest = {recording.room_id: recording for recording in recordings}
    problems = _problems(session, [row.id])[row.id]
    return BreakoutResponse(
        **_columns(row),
        **plans.settings(session, [row])[row.id],
        progress=progress,
        problems=problems,
        rooms=[_room(row, room, people[room.id], hosts.get(room.id, []), latest.get(room.id)) for room in rooms],
        unassigned=_unassigned(session, row, may_seat_hosts=_may_seat_hosts(row, rooms, hosts)),
    )


def of_meeting(session: Session, meeting_id: str, asked: Asked) -> Page[BreakoutSummary]:
    """Return the breakouts of a meeting. Raises Unknown."""
    queries.meeting(session, meeting_id)
    return breakouts(session, asked, meeting_id=meeting_id)


def breakouts(
    session: Session,
    asked: Asked,
    *,
    meeting_id: str | None = None,
    states: Collection[BreakoutState] = (),
    reach: Reach = EVERYTHING,
) -> Page[BreakoutSummary]:
    """Return the breakouts of all meetings in reach, or of one; all of them, or those in certain states."""
    statement = select(Breakout)
    if not reach.is_everything:
        statement = statement.join(Meeting, col(Meeting.id) == col(Breakout.meeting_id)).where(*reach.conditions())
    if meeting_id is not None:
        statement = statement.where(col(Breakout.meeting_id) == meeting_id)
    if states:
        statement = statement.where(col(Breakout.state).in_(states))
    rows, next_cursor = page(session, statement, Breakout.id, asked)
    ids = [row.id for row in rows]
    rooms, recordings = queries.counts(session, Room, ids), queries.counts(session, Recording, ids)
    seats, problems = queries.counts(session, Seat, ids), _problems(session, ids)
    settings = plans.settings(session, rows)
    items = [
        BreakoutSummary(
            **_columns(row),
            **settings[row.id],
            progress=_progress(rooms[row.id], seats[row.id], recordings[row.id]),
            problems=problems[row.id],
        )
        for row in rows
    ]
    return Page(items=items, next_cursor=next_cursor)


def recordings(session: Session, breakout_id: str, asked: Asked) -> Page[RoomRecordingResponse]:
    """Return every recording of every room of a breakout. Raises Unknown."""
    if session.get(Breakout, breakout_id) is None:
        raise Unknown(f"there is no breakout {breakout_id}", ProblemCode.UNKNOWN_BREAKOUT)
    statement = select(Recording).where(col(Recording.breakout_id) == breakout_id)
    rows, next_cursor = page(session, statement, Recording.id, asked)
    of_rooms = select(col(Room.id), col(Room.name)).where(col(Room.id).in_({row.room_id for row in rows}))
    names = dict(session.execute(of_rooms).all())
    items = [
        RoomRecordingResponse(**_recording(row), room_id=row.room_id, room_name=names[row.room_id]) for row in rows
    ]
    return Page(items=items, next_cursor=next_cursor)


def _columns(row: Breakout) -> dict[str, Any]:
    """Return the fields that come from the breakout's own row."""
    return {
        "id": row.id,
        "meeting_id": row.meeting_id,
        "series_id": row.series_id,
        "round": row.round,
        "name": row.name,
        "state": row.state,
        "seed": row.seed,
        "scheduled_for": row.scheduled_for,
        "starts_at": row.starts_at,
        "opened_at": row.opened_at,
        "closes_at": row.closes_at,
        "empties_at": row.empties_at,
        "paused": row.paused_with_seconds is not None,
        "remaining_seconds": None if row.paused_with_seconds is None else math.ceil(row.paused_with_seconds),
        "closed_at": row.closed_at,
        "close_reason": row.close_reason,
        "created_at": row.created_at,
        "version": row.version,
    }


def _seated(session: Session, breakout_id: str) -> defaultdict[str, list[SeatedPerson]]:
    """Return the people of each room, by their present seats."""
    columns = col(Participant.custom_participant_id), col(Participant.name), col(Seat.state), col(Seat.pinned)
    statement = (
        select(col(Seat.room_id), *columns)
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(col(Seat.breakout_id) == breakout_id, col(Seat.wanted))
        .order_by(col(Seat.id))
    )
    found: defaultdict[str, list[SeatedPerson]] = defaultdict(list)
    for room_id, custom_id, name, state, pinned in session.execute(statement):
        found[room_id].append(SeatedPerson(custom_participant_id=custom_id, name=name, state=state, pinned=pinned))
    return found


def _hosts(session: Session, row: Breakout) -> Mapping[str, list[str]]:
    """Return the hosts of each room, by their present seats."""
    statement = (
        select(col(Seat.room_id), col(Participant.custom_participant_id))
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(col(Seat.breakout_id) == row.id, col(Seat.wanted), col(Participant.role) == Role.HOST)
        .order_by(col(Seat.id))
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for room_id, custom_id in session.execute(statement):
        found[room_id].append(custom_id)
    return found


def _recordings(session: Session, breakout_id: str) -> Sequence[Recording]:
    statement = select(Recording).where(col(Recording.breakout_id) == breakout_id).order_by(col(Recording.id))
    return session.scalars(statement).all()


def _may_seat_hosts(row: Breakout, rooms: Sequence[Room], hosts: Mapping[str, list[str]]) -> bool:
    """Return whether a deal could give one more host a room. With one to a room the further ones stay in main."""
    if row.include_hosts == "one_per_room":
        return any(takes_people(room) and room.id not in hosts for room in rooms)
    return row.include_hosts


def _unassigned(session: Session, row: Breakout, *, may_seat_hosts: bool) -> list[str]:
    """Return people whom the breakout may seat and who have no room. Hosts whom it leaves out are not among them."""
    if not row.names_kept:
        return []
    seats = select(col(Seat.participant_id)).where(col(Seat.breakout_id) == row.id, col(Seat.wanted))
    statement = select(col(Participant.custom_participant_id), col(Participant.role)).where(
        col(Participant.meeting_id) == row.meeting_id, col(Participant.id).not_in(seats)
    )
    people = session.execute(statement.order_by(col(Participant.id)))
    return [name for name, role in people if may_be_seated(role, include_hosts=may_seat_hosts)]


def _problems(session: Session, breakout_ids: Sequence[str]) -> defaultdict[str, list[Problem]]:
    statement = (
        select(col(Event.breakout_id), col(Event.at), col(Event.data))
        .where(col(Event.breakout_id).in_(breakout_ids), col(Event.type) == EventType.PROBLEM)
        .order_by(col(Event.breakout_id), col(Event.number))
        .limit(MOST_PROBLEMS)
    )
    found: defaultdict[str, list[Problem]] = defaultdict(list)
    for breakout_id, at, data in session.execute(statement):
        found[breakout_id].append(
            Problem(
                room_id=data.get("room_id"),
                custom_participant_id=data.get("custom_participant_id"),
                what=data["what"],
                detail=data["detail"],
                at=at,
            )
        )
    return found


def _progress(rooms: Counter[RoomState], seats: Counter[SeatState], recordings: Counter[RecordingState]) -> Progress:
    """Count by present state. A person who is invited and was not seen yet counts as admitted."""
    return Progress(
        rooms=RoomProgress(
            total=rooms.total(),
            ready=rooms[_R.READY],
            open=rooms[_R.OPEN],
            closed=rooms[_R.CLOSED],
            failed=rooms[_R.FAILED],
        ),
        participants=ParticipantProgress(
            total=seats.total(),
            admitted=seats[_S.ADMITTED] + seats[_S.INVITED],
            joined=seats[_S.JOINED],
            returned=seats[_S.RETURNED],
            lost=seats[_S.LOST],
            never_joined=seats[_S.NEVER_JOINED],
        ),
        recordings=RecordingProgress(
            total=recordings.total(),
            recording=recordings[_C.RECORDING],
            stopped=recordings[_C.STOPPED],
            uploaded=recordings[_C.UPLOADED],
            failed=recordings[_C.FAILED],
            skipped=recordings[_C.SKIPPED],
        ),
    )


def _room(
    row: Breakout, room: Room, people: list[SeatedPerson], hosts: list[str], recording: Recording | None
) -> RoomResponse:
    return RoomResponse(
        breakout_version=row.version,
        id=room.id,
        index=room.index,
        name=room.name,
        state=room.state,
        max_participants=room.max_participants,
        deleted=room.deleted,
        realtimekit_meeting_id=room.realtimekit_meeting_id,
        closes_at=ends_at(room, row),
        paused=room.paused_with_seconds is not None,
        remaining_seconds=None if room.paused_with_seconds is None else math.ceil(room.paused_with_seconds),
        participants=people,
        facilitators=hosts,
        recording=None if recording is None else RecordingResponse(**_recording(recording)),
        error=room.error,
    )


def _recording(recording: Recording) -> dict[str, Any]:
    return {
        "id": recording.id,
        "realtimekit_recording_id": recording.realtimekit_recording_id,
        "state": recording.state,
        "paused": recording.paused,
        "started_at": recording.started_at,
        "stopped_at": recording.stopped_at,
        "file_name": recording.file_name,
        "download_url": recording.download_url,
        "expires_at": recording.expires_at,
        "error": recording.error,
    }
