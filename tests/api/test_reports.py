"""Views: correct counts by state, in a constant number of queries, on both databases."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlmodel import Session

from orchestrator.errors import Unknown
from orchestrator.services.views import breakouts, meetings, news
from orchestrator.services.views.pages import Asked
from orchestrator.settings import Settings
from orchestrator.store.database import Database
from schemas.events import EventType, ProblemKind
from schemas.responses import ClosingMessage
from schemas.states import BreakoutState, Location, RecordingState, Role, RoomState, SeatState
from schemas.tables import Breakout, Meeting, Participant, Recording, Room, Seat
from tests.api.server import UNKNOWN_ID
from tests.support.logs import log_of
from tests.support.queries import count_queries

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    url = Settings(database_url=database_url, _env_file=None).database
    opened = Database(url, lambda _messages, _topics: None, pool_size=2)
    yield opened
    opened.close()


def add_meeting(session: Session) -> str:
    meeting = Meeting(
        title="Physics", realtimekit_meeting_id="rtk", host_preset="h", participant_preset="p", created_at=NOW
    )
    session.add(meeting)
    session.flush()
    return meeting.id


def add_people(session: Session, meeting_id: str, count: int, **fields: Any) -> list[str]:
    prefix = str(fields.get("role", "p"))
    rows = [
        Participant(meeting_id=meeting_id, custom_participant_id=f"{prefix}{n}", name="x", created_at=NOW, **fields)
        for n in range(count)
    ]
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


def add_breakout(session: Session, meeting_id: str, rooms: list[RoomState], **fields: Any) -> tuple[str, list[str]]:
    breakout = Breakout(meeting_id=meeting_id, name="Round", seed=1, created_at=NOW, **fields)
    session.add(breakout)
    session.flush()
    rows = [
        Room(breakout_id=breakout.id, index=n, name=f"Room {n}", key=f"{breakout.id}{n}"[-40:], state=state)
        for n, state in enumerate(rooms)
    ]
    session.add_all(rows)
    session.flush()
    return breakout.id, [row.id for row in rows]


def add_seats(
    session: Session, breakout_id: str, room_id: str, people: dict[str, SeatState], wanted: bool = True
) -> None:
    for person, state in people.items():
        seat = Seat(breakout_id=breakout_id, room_id=room_id, participant_id=person, state=state, wanted=wanted)
        session.add(seat)
    session.flush()


def add_recording(session: Session, breakout_id: str, room_id: str, state: RecordingState, **fields: Any) -> None:
    session.add(Recording(breakout_id=breakout_id, room_id=room_id, state=state, created_at=NOW, **fields))
    session.flush()


def queries(database: Database, ask: Callable[[Session], object]) -> int:
    def read() -> None:
        with database.reading() as session:
            ask(session)

    return count_queries(database, read)


def test_people_are_counted_by_their_present_state(database: Database) -> None:
    states = list(SeatState)
    with database.transaction() as tx:
        meeting_id = add_meeting(tx.session)
        people = add_people(tx.session, meeting_id, len(states) + 2)
        breakout_id, (room, other) = add_breakout(tx.session, meeting_id, [RoomState.OPEN, RoomState.READY])
        add_seats(tx.session, breakout_id, room, dict(zip(people, states, strict=False)))
        add_seats(tx.session, breakout_id, other, {people[0]: SeatState.RETURNED}, wanted=False)
    with database.reading() as session:
        report = breakouts.breakout(session, breakout_id)
        listed = breakouts.of_meeting(session, meeting_id, Asked(10)).items[0]
    people_now = report.progress.participants
    assert people_now.total == len(states)
    assert people_now.admitted == 2, "admitted and invited: a token, and not seen yet"
    assert (people_now.joined, people_now.returned, people_now.lost, people_now.never_joined) == (1, 1, 1, 1)
    assert [len(room.participants) for room in report.rooms] == [len(states), 0]
    assert report.unassigned == [f"p{len(states)}", f"p{len(states) + 1}"]
    assert listed.progress == report.progress


def test_rooms_and_recordings_are_counted_by_their_present_state(database: Database) -> None:
    with database.transaction() as tx:
        meeting_id = add_meeting(tx.session)
        breakout_id, rooms = add_breakout(tx.session, meeting_id, list(RoomState))
        for room, state in zip(rooms, RecordingState, strict=False):
            add_recording(tx.session, breakout_id, room, state)
        add_recording(tx.session, breakout_id, rooms[0], RecordingState.UPLOADED, download_url="https://example.org/2")
    with database.reading() as session:
        report = breakouts.breakout(session, breakout_id)
        listed = breakouts.of_meeting(session, meeting_id, Asked(10)).items[0]
    counts = report.progress.rooms
    assert (counts.total, counts.ready, counts.open, counts.closed, counts.failed) == (len(RoomState), 1, 1, 1, 1)
    recorded = report.progress.recordings
    assert (recorded.total, recorded.recording, recorded.stopped) == (len(RecordingState) + 1, 1, 1)
    assert (recorded.uploaded, recorded.failed, recorded.skipped) == (2, 1, 1)
    latest = report.rooms[0].recording
    assert latest is not None
    assert (latest.state, latest.download_url) == (RecordingState.UPLOADED, "https://example.org/2")
    assert report.rooms[-1].recording is None
    assert listed.progress == report.progress


def test_problems_come_out_of_the_log(database: Database) -> None:
    with database.transaction() as tx:
        meeting_id = add_meeting(tx.session)
        breakout_id, (room,) = add_breakout(tx.session, meeting_id, [RoomState.FAILED])
        with log_of(tx, breakout_id, NOW) as b:
            b.log(EventType.ROOM_STATE, {"room_id": room, "from": "preparing", "to": "failed"})
            b.report(ProblemKind.ROOM_FAILED, "no such preset", room_id=room)
    with database.reading() as session:
        (problem,) = breakouts.breakout(session, breakout_id).problems
    assert problem.model_dump() == {
        "room_id": room,
        "custom_participant_id": None,
        "what": "room failed",
        "detail": "no such preset",
        "at": NOW,
    }


def test_hosts_are_unassigned_only_where_they_could_sit(database: Database) -> None:
    with database.transaction() as tx:
        meeting_id = add_meeting(tx.session)
        add_people(tx.session, meeting_id, 1)
        add_people(tx.session, meeting_id, 1, role=Role.HOST)
        without, _ = add_breakout(tx.session, meeting_id, [])
        included, _ = add_breakout(tx.session, meeting_id, [], include_hosts=True)
    with database.reading() as session:
        assert breakouts.breakout(session, without).unassigned == ["p0"]
        assert breakouts.breakout(session, included).unassigned == ["p0", "host0"]


def test_the_number_of_queries_does_not_grow(database: Database) -> None:
    with database.transaction() as tx:
        meeting_id = add_meeting(tx.session)
        small, _ = add_breakout(tx.session, meeting_id, [RoomState.OPEN])
    asked = {
        "one": lambda session: breakouts.breakout(session, small),
        "list": lambda session: breakouts.of_meeting(session, meeting_id, Asked(50)),
        "meetings": lambda session: meetings.meetings(session, Asked(50)),
        "recordings": lambda session: breakouts.recordings(session, small, Asked(50)),
        "people": lambda session: meetings.participants(session, meeting_id, Asked(50)),
    }
    before = {name: queries(database, ask) for name, ask in asked.items()}
    with database.transaction() as tx:
        people = add_people(tx.session, meeting_id, 120)
        small, rooms = add_breakout(tx.session, meeting_id, [RoomState.OPEN] * 40)
        for number, room in enumerate(rooms):
            seated = dict.fromkeys(people[number * 3 : number * 3 + 3], SeatState.JOINED)
            add_seats(tx.session, small, room, seated)
            add_recording(tx.session, small, room, RecordingState.RECORDING)
    assert {name: queries(database, ask) for name, ask in asked.items()} == before
    assert max(before.values()) <= 9


def test_meetings_count_their_own_people(database: Database) -> None:
    with database.transaction() as tx:
        meeting_id = add_meeting(tx.session)
        add_people(tx.session, meeting_id, 2, location=Location.MAIN)
        add_people(tx.session, meeting_id, 1, role=Role.HOST, location=Location.ROOM, location_room_id=UNKNOWN_ID)
        away = Participant(meeting_id=meeting_id, custom_participant_id="away", name="x", created_at=NOW)
        tx.session.add(away)
    with database.reading() as session:
        (found,) = meetings.meetings(session, Asked(50)).items
        people = meetings.participants(session, meeting_id, Asked(50)).items
    assert (found.participant_count, found.present_count) == (4, 3)
    assert [(person.location, person.present) for person in people][2:] == [
        (Location.ROOM, True),
        (Location.AWAY, False),
    ]


def test_what_is_not_there_is_unknown(database: Database) -> None:
    with database.reading() as session:
        for ask in (
            lambda: meetings.meeting(session, UNKNOWN_ID),
            lambda: meetings.participants(session, UNKNOWN_ID, Asked(1)),
            lambda: meetings.people(session, [UNKNOWN_ID]),
            lambda: meetings.person(session, UNKNOWN_ID, "ana"),
            lambda: breakouts.breakout(session, UNKNOWN_ID),
            lambda: breakouts.of_meeting(session, UNKNOWN_ID, Asked(1)),
        ):
            with pytest.raises(Unknown):
                ask()


def test_news_are_the_closings_beyond_a_cursor(database: Database) -> None:
    with database.transaction() as tx:
        meeting_id = add_meeting(tx.session)
        breakout_id, _ = add_breakout(tx.session, meeting_id, [], state=BreakoutState.CLOSING, empties_at=NOW)
        for number, (before, after) in enumerate([("draft", "opening"), ("opening", "open"), ("open", "closing")]):
            with log_of(tx, breakout_id, NOW.replace(second=number)) as b:
                b.log(EventType.BREAKOUT_STATE, {"from": before, "to": after})
    with database.reading() as session:
        (head,) = news.heads(session, [meeting_id])
        assert (head.number, head.live) == (3, True)
        (closing,) = news.after(session, {breakout_id: 0})
        assert (closing.event, closing.number, closing.data) == ("closing", 3, ClosingMessage(countdown_seconds=3))
        assert news.after(session, {breakout_id: 3}) == news.after(session, {}) == []
        assert news.heads(session, [UNKNOWN_ID], [breakout_id]) == []
