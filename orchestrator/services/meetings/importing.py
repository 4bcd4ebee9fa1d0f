"""Importing people whom the main meeting admits at RealtimeKit without our having added them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from orchestrator.realtimekit.records import ParticipantRecord
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.people import departed
from schemas.events import Topic
from schemas.fields import LONGEST_NAME
from schemas.states import Role
from schemas.tables import Meeting, Participant
from schemas.texts import shows_nothing


def take_over(
    m: MeetingScope, meeting: Meeting, records: Sequence[ParticipantRecord], host_presets: Collection[str]
) -> None:
    """Register these participants. What the caller has stored about people stays. `host_presets` make a host.

    Who has left for good is not let in again by an import.
    """
    meeting.to_import = False
    statement = select(Participant).where(col(Participant.meeting_id) == meeting.id)
    known = {person.custom_participant_id: person for person in m.tx.session.scalars(statement)}
    strangers = {record.custom_participant_id for record in records} - known.keys()
    departed_people = departed.known(m.tx.session, meeting.id, strangers)
    if strangers - departed_people.keys():
        m.tx.wake(Topic.MEETING.of(meeting.id))
    for record in records:
        if record.custom_participant_id in departed_people:
            continue
        if not 0 < len(record.custom_participant_id) <= LONGEST_NAME:
            continue
        person = known.get(record.custom_participant_id)
        if person is None:
            known[record.custom_participant_id] = _imported(
                meeting, record, m.now, is_host=record.preset_name in host_presets
            )
            m.tx.session.add(known[record.custom_participant_id])
        elif m.people.value(person, "realtimekit_participant_id") is None:
            m.people.change(person.id, **_record_of(record))


def _imported(meeting: Meeting, record: ParticipantRecord, now: datetime, *, is_host: bool) -> Participant:
    """Return a row for a person. Their preset is their own only where it is not that of their role."""
    of_role = meeting.host_preset if is_host else meeting.participant_preset
    return Participant(
        meeting_id=meeting.id,
        custom_participant_id=record.custom_participant_id,
        name=record.custom_participant_id if shows_nothing(record.name) else record.name,
        role=Role.HOST if is_host else Role.PARTICIPANT,
        preset_name=None if record.preset_name == of_role else record.preset_name or None,
        created_at=now,
        **_record_of(record),
    )


def _record_of(record: ParticipantRecord) -> dict[str, Any]:
    """Return the columns that hold what RealtimeKit has. Where the caller says something else, the record is edited."""
    return {
        "realtimekit_participant_id": record.id,
        "name_at_realtimekit": record.name,
        "preset_at_realtimekit": record.preset_name,
    }
