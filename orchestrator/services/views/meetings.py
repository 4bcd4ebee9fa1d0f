"""What the API answers about meetings and people."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from orchestrator.errors import Unknown
from orchestrator.services.reach import EVERYTHING, Reach
from orchestrator.services.views.pages import Asked, page
from orchestrator.store import queries
from schemas.problems import ProblemCode
from schemas.responses import MeetingResponse, Page, ParticipantResponse, RoomPresets, UnregisteredPerson
from schemas.states import Location
from schemas.tables import Meeting, Participant, UnregisteredPeer


def meeting(session: Session, meeting_id: str) -> MeetingResponse:
    """Return M. Raises Unknown."""
    found = queries.meeting(session, meeting_id)
    return _meetings(session, [found])[0]


def meetings(
    session: Session, asked: Asked, title: str | None = None, reach: Reach = EVERYTHING
) -> Page[MeetingResponse]:
    """Return all meetings in reach, or those with `title` as a part of theirs, in any capitals."""
    statement = select(Meeting).where(*reach.conditions())
    if title is not None:
        statement = statement.where(col(Meeting.title).icontains(title, autoescape=True))
    rows, next_cursor = page(session, statement, Meeting.id, asked)
    return Page(items=_meetings(session, rows), next_cursor=next_cursor)


def participants(session: Session, meeting_id: str, asked: Asked) -> Page[ParticipantResponse]:
    """Return the people of a meeting in the order of their registration. Raises Unknown."""
    queries.meeting(session, meeting_id)
    statement = select(Participant).where(col(Participant.meeting_id) == meeting_id)
    rows, next_cursor = page(session, statement, Participant.id, asked)
    return Page(items=[_person(row) for row in rows], next_cursor=next_cursor)


def people(session: Session, participant_ids: Sequence[str]) -> list[ParticipantResponse]:
    """Return P+ of these people, in the order given. Raises Unknown."""
    found = session.scalars(select(Participant).where(col(Participant.id).in_(participant_ids))).all()
    by_id = {person.id: person for person in found}
    missing = [row_id for row_id in participant_ids if row_id not in by_id]
    if missing:
        raise Unknown(f"there is no participant {missing[0]}", ProblemCode.UNKNOWN_PARTICIPANT)
    return [_person(by_id[row_id]) for row_id in participant_ids]


def person(session: Session, meeting_id: str, custom_participant_id: str) -> ParticipantResponse:
    """Return P+ of one person. Raises Unknown."""
    return _person(queries.participant(session, meeting_id, custom_participant_id))


def _meetings(session: Session, rows: Sequence[Meeting]) -> list[MeetingResponse]:
    here = func.sum(case((col(Participant.location) != Location.AWAY, 1), else_=0))
    statement = (
        select(col(Participant.meeting_id), func.count(), here)
        .where(col(Participant.meeting_id).in_([row.id for row in rows]))
        .group_by(col(Participant.meeting_id))
    )
    counts = {meeting_id: (total, present) for meeting_id, total, present in session.execute(statement)}
    strangers = _unregistered(session, [row.id for row in rows])
    return [_meeting(row, *counts.get(row.id, (0, 0)), strangers[row.id]) for row in rows]


def _unregistered(session: Session, meeting_ids: Sequence[str]) -> defaultdict[str, list[UnregisteredPerson]]:
    """Return who is in each meeting without a `custom_participant_id`; with several connections, once."""
    record_id = col(UnregisteredPeer.realtimekit_participant_id)
    statement = (
        select(col(UnregisteredPeer.meeting_id), record_id, func.min(col(UnregisteredPeer.name)))
        .where(
            col(UnregisteredPeer.meeting_id).in_(meeting_ids),
            col(UnregisteredPeer.custom_participant_id) == "",
            record_id.is_not(None),
            col(UnregisteredPeer.left_at).is_(None),
        )
        .group_by(col(UnregisteredPeer.meeting_id), record_id)
        .order_by(record_id)
    )
    found: defaultdict[str, list[UnregisteredPerson]] = defaultdict(list)
    for meeting_id, participant_id, name in session.execute(statement):
        found[meeting_id].append(UnregisteredPerson(realtimekit_participant_id=participant_id, name=name))
    return found


def _meeting(
    row: Meeting, participant_count: int, present_count: int, unregistered: list[UnregisteredPerson]
) -> MeetingResponse:
    return MeetingResponse(
        id=row.id,
        realtimekit_meeting_id=row.realtimekit_meeting_id,
        title=row.title,
        host_preset=row.host_preset,
        participant_preset=row.participant_preset,
        room_presets=RoomPresets(host=row.room_host_preset, participant=row.room_participant_preset),
        ends_at=row.ends_at,
        created_at=row.created_at,
        participant_count=participant_count,
        present_count=present_count,
        unregistered_present=unregistered,
        version=row.version,
    )


def _person(row: Participant) -> ParticipantResponse:
    return ParticipantResponse(
        id=row.id,
        custom_participant_id=row.custom_participant_id,
        name=row.name,
        role=row.role,
        preset_name=row.preset_name,
        attributes=row.attributes,
        present=row.location is not Location.AWAY,
        location=row.location,
        room_id=row.location_room_id,
    )
