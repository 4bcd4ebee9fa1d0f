"""Importing the participants that an adopted meeting has at RealtimeKit."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from orchestrator.realtimekit.records import ParticipantRecord
from orchestrator.services.breakout.locked import MeetingScope
from schemas.states import Role
from schemas.tables import Meeting, Participant


def take_over(m: MeetingScope, meeting: Meeting, records: Sequence[ParticipantRecord]) -> None:
    """Register these participants. What the caller has stored about people stays."""
    meeting.to_import = False
    statement = select(Participant).where(col(Participant.meeting_id) == meeting.id)
    known = {person.custom_participant_id: person for person in m.tx.session.scalars(statement)}
    for record in records:
        if not record.custom_participant_id:
            continue
        person = known.get(record.custom_participant_id)
        if person is None:
            known[record.custom_participant_id] = _imported(meeting, record, m.now)
            m.tx.session.add(known[record.custom_participant_id])
        elif m.people.value(person, "realtimekit_participant_id") is None:
            m.people.change(person.id, realtimekit_participant_id=record.id)


def _imported(meeting: Meeting, record: ParticipantRecord, now: datetime) -> Participant:
    return Participant(
        meeting_id=meeting.id,
        custom_participant_id=record.custom_participant_id,
        name=record.name or record.custom_participant_id,
        role=Role.HOST if record.preset_name == meeting.host_preset else Role.PARTICIPANT,
        preset_name=record.preset_name or None,
        realtimekit_participant_id=record.id,
        created_at=now,
    )
