"""How tasks are called in Flower: by what operators have named, and by numbers."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from orchestrator.store.database import Database, Transaction
from orchestrator.store.kinds import KIND_OF
from schemas.states import RecordingState
from schemas.tables import Breakout, Due, Endpoint, Inbox, Meeting, Outbox, Participant, Recording, Room, Seat

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def rows(database: Database) -> dict[type[Due], list[Any]]:
    """Add a meeting whose breakout has rooms of three people, of one, and of nobody any more."""
    with database.transaction() as tx:
        meeting = _add(
            tx,
            Meeting(
                title="Physics", realtimekit_meeting_id="m", host_preset="h", participant_preset="p", created_at=NOON
            ),
        )
        inbox = _add(tx, Inbox(id=meeting.id))
        breakout = _add(tx, Breakout(meeting_id=meeting.id, name="Round 1", seed=1, created_at=NOON))
        rooms = [
            _add(tx, Room(breakout_id=breakout.id, index=i, name=f"Room {i + 1}", key=f"key{i}")) for i in range(3)
        ]
        for number, room in enumerate([rooms[0], rooms[0], rooms[0], rooms[1], rooms[2]]):
            seat = {"breakout_id": breakout.id, "room_id": room.id, "wanted": room is not rooms[2]}
            _add(tx, Seat(participant_id=_person(tx, meeting, number).id, **seat))
        recording = _add(
            tx,
            Recording(breakout_id=breakout.id, room_id=rooms[1].id, state=RecordingState.STOPPED, created_at=NOON),
        )
        outbox = _add(tx, Outbox(id=breakout.id))
        endpoint = _add(tx, Endpoint(url="https://there.example/secret/path", secret="sealed", created_at=NOON))
        return {
            Meeting: [meeting],
            Inbox: [inbox],
            Breakout: [breakout],
            Room: rooms,
            Recording: [recording],
            Outbox: [outbox],
            Endpoint: [endpoint],
        }


def _add(tx: Transaction, row: Any) -> Any:
    tx.session.add(row)
    tx.session.flush()
    return row


def _person(tx: Transaction, meeting: Meeting, number: int) -> Any:
    return _add(
        tx, Participant(meeting_id=meeting.id, custom_participant_id=f"p{number}", name="Grace", created_at=NOON)
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (Breakout, ["Round 1 · 3 rooms · 4 people"]),
        (Room, ["Round 1 · Room 1 · 3 people", "Round 1 · Room 2 · 1 person", "Round 1 · Room 3 · 0 people"]),
        (Recording, ["Round 1 · Room 2 · stopped"]),
        (Inbox, ["Physics · facts"]),
        (Meeting, ["Physics · who is where"]),
        (Outbox, ["Round 1 · news"]),
        (Endpoint, ["to there.example"]),
    ],
    ids=lambda value: value.__name__.lower() if isinstance(value, type) else "",
)
def test_all_labels_of_a_batch_cost_one_statement(
    database: Database, rows: dict[type[Due], list[Any]], table: type[Due], words: list[str]
) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    with database.reading() as session:
        assert KIND_OF[table].labels(session, rows[table]) == words
    assert sum("SELECT" in statement for statement in statements) <= 1
