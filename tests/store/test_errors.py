"""Errors of the database end in logs and in Flower: they say what went wrong, and nobody's name."""

import traceback
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from orchestrator.store.database import Database
from schemas.tables import Meeting, Participant

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_an_error_repeats_no_value_of_the_row(database: Database) -> None:
    meeting = Meeting(
        title="Physics", realtimekit_meeting_id="rtk", created_at=NOON, host_preset="host", participant_preset="guest"
    )
    with database.transaction() as tx:
        tx.session.add(meeting)
        tx.session.flush()
        tx.session.add(_person(meeting.id))
    with pytest.raises(IntegrityError) as caught, database.transaction() as tx:
        tx.session.add(_person(meeting.id))
    said = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "custom_participant_id" in said
    assert "grace-hopper" not in said
    assert "Grace Hopper" not in said


def _person(meeting_id: str) -> Participant:
    return Participant(
        meeting_id=meeting_id, custom_participant_id="grace-hopper", name="Grace Hopper", created_at=NOON
    )
