"""Ten thousand breakouts that are open: neither the timekeeper nor a close reads any table from end to end."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from orchestrator import bootstrap
from orchestrator.services.breakout.operations import step
from orchestrator.services.deps import Deps
from orchestrator.settings import Settings
from orchestrator.store import scan
from orchestrator.store.kinds import TABLES
from schemas.states import BreakoutState, RoomState, RoomWanted, SeatState
from schemas.tables import Breakout, Meeting, Participant, Presence, Room, Seat
from schemas.tasks import QUEUE_OF, Queue
from tests.support.copies import Original, copy_breakout

ARMED, PEOPLE = 10_000, 1


@pytest.fixture
def deps(postgres_url: str, broker_url: str) -> Iterator[Deps]:
    """Build a process' parts over ten thousand breakouts that close in an hour."""
    made = bootstrap.build(Settings(database_url=postgres_url, broker_url=broker_url, _env_file=None))
    original = _open_breakout(made)
    with made.database.engine.begin() as connection:
        copy_breakout(connection, original, ARMED, [])
    yield made
    made.close()


def _open_breakout(deps: Deps) -> Original:
    with deps.database.transaction() as tx:
        now = tx.now()
        later = now + timedelta(hours=1)
        meeting = Meeting(
            title="M", realtimekit_meeting_id="m", host_preset="h", participant_preset="p", created_at=now, due_at=later
        )
        breakout = Breakout(
            meeting_id=meeting.id,
            name="B",
            state=BreakoutState.OPEN,
            seed=1,
            countdown_seconds=0,
            created_at=now,
            closes_at=later,
            due_at=later,
        )
        room = Room(breakout_id=breakout.id, index=0, name="R", key="000000000000", state=RoomState.OPEN)
        room.wanted, room.realtimekit_meeting_id = RoomWanted.OPEN, "r"
        for rows in ([meeting], [breakout], [room]):
            tx.session.add_all(rows)
            tx.session.flush()
        for number in range(PEOPLE):
            person = Participant(meeting_id=meeting.id, custom_participant_id=f"p{number}", name="P", created_at=now)
            tx.session.add(person)
            tx.session.flush()
            tx.session.add(
                Seat(breakout_id=breakout.id, room_id=room.id, participant_id=person.id, state=SeatState.JOINED)
            )
            stay = Presence(meeting_id=meeting.id, participant_id=person.id, peer_id=f"peer{number}", joined_at=now)
            stay.room_id = room.id
            tx.session.add(stay)
        return Original(meeting.id, breakout.id)


def test_nothing_is_read_from_end_to_end(deps: Deps) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _x: object, statement: str, parameters: Any, _context: object, many: bool) -> None:
        if not many:
            asked.append((statement, parameters))

    _set_back(deps, "closes_at = statement_timestamp(), due_at = statement_timestamp()")
    event.listen(deps.database.engine, "before_cursor_execute", note)
    assert _close(deps) == [Queue.LIFECYCLE]
    event.remove(deps.database.engine, "before_cursor_execute", note)
    _set_back(deps, "due_at = statement_timestamp(), sent_home_at = sent_home_at - interval '1 hour'")
    event.listen(deps.database.engine, "before_cursor_execute", note)
    assert _close(deps) == [Queue.CLOSING], "what is left to do delays nobody's timer"
    event.remove(deps.database.engine, "before_cursor_execute", note)
    with deps.database.engine.connect() as connection:
        plans = {
            statement: [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
            for statement, parameters in asked
            if statement.startswith(("SELECT", "UPDATE"))
        }
    assert len(plans) > 20
    ends = {f"Seq Scan on {name}" for name in ("meeting", "participant", "breakout", "room", "seat", "presence")}
    scans = {statement: plan for statement, plan in plans.items() if any(end in line for line in plan for end in ends)}
    assert not scans, "\n".join("\n".join([statement, *plan]) for statement, plan in scans.items())


def _set_back(deps: Deps, what: str) -> None:
    """Have the one with the first id be due."""
    statement = f"UPDATE breakout SET {what} WHERE id = (SELECT min(id) FROM breakout)"
    with deps.database.transaction() as tx:
        tx.session.execute(text(statement))


def _close(deps: Deps) -> list[Queue]:
    """Do a timekeeper's look and the steps that it sends. Returns the queues that they are sent to."""
    queues = []
    for table in TABLES:
        with deps.database.transaction() as tx:
            crowded = dict.fromkeys(Queue, tx.now())
            for backlog in (crowded, {}):
                scan.next_due(tx.session, backlog, after=tx.now())
                scan.next_due(tx.session, backlog)
                scan.dispatch_due(tx, table, 100, backlog)
            messages = list(tx.messages)
        for message in messages:
            if table is Breakout:
                queues.append(QUEUE_OF[message.task])
                assert "closing" in step(deps, message.row_id, message.claim).words
    return queues
