"""A scrape reads only live rows, only through indexes, and not more often than its interval."""

from collections.abc import Iterator

import pytest
from sqlalchemy import ClauseElement, event, text
from sqlmodel import Session

from orchestrator.services.deps import Deps
from orchestrator.services.upkeep.gauges import LIVE_BREAKOUTS, Gauges, count_states, state_counts
from orchestrator.settings import Settings
from orchestrator.store.database import Database
from schemas.states import BreakoutState, Location, RecordingState, RoomState, SeatState
from tests.api.test_reports import NOW, add_breakout, add_meeting, add_people, add_recording, add_seats


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    url = Settings(database_url=database_url, _env_file=None).database
    opened = Database(url, lambda _messages, _topics: None, pool_size=2)
    yield opened
    opened.close()


def test_only_what_is_live_is_counted(database: Database) -> None:
    with database.transaction() as tx:
        meeting_id = add_meeting(tx.session)
        people = add_people(tx.session, meeting_id, 3, location=Location.MAIN)
        for state in (BreakoutState.OPEN, BreakoutState.CLOSED, BreakoutState.DRAFT):
            breakout_id, rooms = add_breakout(tx.session, meeting_id, [RoomState.OPEN, RoomState.FAILED], state=state)
            add_seats(tx.session, breakout_id, rooms[0], dict.fromkeys(people[:2], SeatState.JOINED))
            add_seats(tx.session, breakout_id, rooms[0], {people[2]: SeatState.RETURNED}, wanted=False)
            for recording in (RecordingState.RECORDING, RecordingState.UPLOADED):
                add_recording(tx.session, breakout_id, rooms[0], recording)
            add_recording(tx.session, breakout_id, rooms[0], RecordingState.STOPPED, due_at=NOW)
        add_breakout(tx.session, meeting_id, [RoomState.PLANNED], state=BreakoutState.SCHEDULED, due_at=NOW)
    with database.reading() as session:
        found = count_states(session)
    assert found == {
        ("breakouts", "open"): 1,
        ("breakouts", "scheduled"): 1,
        ("rooms", "open"): 1,
        ("rooms", "failed"): 1,
        ("seats", "joined"): 2,
        ("participants", "main"): 3,
        ("recordings", "recording"): 1,
        ("recordings", "stopped"): 3,
    }


def test_no_table_is_read_from_end_to_end(sqlite_url: str) -> None:
    database = Database(sqlite_url, lambda _messages, _topics: None, pool_size=1)
    with database.reading() as session:
        plan = [
            step for statement in (LIVE_BREAKOUTS, state_counts(["b"], ["m"])) for step in steps(session, statement)
        ]
    database.close()
    tables = {"breakout", "room", "seat", "participant", "recording"}
    reads = [step for step in plan if step.split()[0] in ("SCAN", "SEARCH") and step.split()[1] in tables]
    assert {step.split()[1] for step in reads} == tables
    assert all(" USING " in step for step in reads), plan


def steps(session: Session, statement: ClauseElement) -> list[str]:
    words = statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    return [row[3] for row in session.connection().execute(text(f"EXPLAIN QUERY PLAN {words}"))]


def test_scraping_twice_at_once_asks_the_database_once(deps: Deps) -> None:
    asked: list[str] = []
    event.listen(deps.database.engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    gauges = Gauges(deps)
    names = {family.name for family in gauges.collect()}
    statements = len(asked)
    assert 0 < statements <= 6, "two read the deployment's mark, which Redis' keys begin with"
    assert {family.name for family in gauges.collect()} == names
    assert len(asked) == statements
