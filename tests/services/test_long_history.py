"""A meeting has had thousands of breakouts: nothing that a live one needs reads what has ended."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, insert, update
from sqlmodel import col

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.people import seats
from orchestrator.services.planning import creating as planning
from orchestrator.services.upkeep import gauges
from orchestrator.services.views import breakouts, news, progress
from orchestrator.services.views.pages import Asked
from orchestrator.services.webhooks.lines import PURGED_ROWS, go_on
from orchestrator.services.webhooks.spreading import spread
from orchestrator.store import due, scan
from orchestrator.store.database import database_now
from orchestrator.store.kinds import TABLES
from schemas.columns import new_id
from schemas.requests import BreakoutRequest
from schemas.states import DeliveryState
from schemas.tables import Breakout, Delivery, Endpoint, Meeting, Outbox, Recording, Room
from tests.api.conftest import parts
from tests.services.browser import Browser, rooms
from tests.services.hand import Hand
from tests.services.outgoing import Outgoing
from tests.support.copies import Original, copy_into_meetings
from tests.support.sandbox_server import SandboxServer

DELIVERED = 5000
CLOSED, NAMES = 2000, ["ana", "bo", "cyd", "dee"]
MOST_PASSES = 5
MOST_ROWS = 400
"""What one statement may read of one table: five breakouts of a list have some seventy events each."""


@pytest.fixture
def deps(postgres_url: str, broker_url: str, tmp_path: Path) -> Iterator[tuple[Deps, SandboxServer]]:
    """Build the parts of services on PostgreSQL."""
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls) as made:
        yield made, sandbox


@pytest.fixture
def hand(deps: tuple[Deps, SandboxServer]) -> Hand:
    """Give a meeting in which one breakout was opened and closed by hand, and copied two thousand times."""
    hand = Hand(*deps, NAMES, rooms=2, record=True)
    _end(hand, _live(hand))
    with hand.deps.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE breakout SET closed_at = closed_at - interval '1 day'")
        copy_into_meetings(connection, Original(hand.meeting_id, hand.breakout_id), range(1, CLOSED + 1), None)
        connection.exec_driver_sql("ANALYZE")
    return hand


def test_no_statement_reads_closed_breakouts(hand: Hand) -> None:
    with explained(hand.deps.database.engine) as read:
        request = BreakoutRequest.model_validate({"rooms": 2, "record": True, "start": "manual"})
        hand.breakout_id = planning.create(hand.deps, hand.meeting_id, request)
        operations.prepare(hand.deps, hand.breakout_id)
        hand.work(Breakout, Room, Meeting)
        operations.start(hand.deps, hand.breakout_id)
        hand.work(Breakout, Room, Breakout, Meeting)
        people = _live(hand)
        _poll(hand)
        _look_at(hand)
        _end(hand, people)
    assert len(read) > 150
    bad = [f"{rows:.0f} rows: {statement}\n{plan}" for statement, (rows, plan) in read.items() if rows > MOST_ROWS]
    assert not bad, "\n\n".join(bad)


def test_what_is_to_be_sent_reads_no_deliveries_of_the_month_before(deps: tuple[Deps, SandboxServer]) -> None:
    told = Outgoing(deps[0])
    breakout_id, made = told.breakout(), told.endpoint("https://example.com/heard")
    with deps[0].database.transaction() as tx:
        of = {"endpoint_id": made.endpoint_id, "breakout_id": breakout_id, "type": "breakout.changed"}
        ended = {"state": DeliveryState.DELIVERED, "in_line": False, "at_once": False}
        counts = {"attempts": 1, "attempts_in_round": 1, "created_at": tx.now()}
        rows = [{"id": new_id(), "number": -number, **of, **ended, **counts} for number in range(DELIVERED)]
        tx.session.execute(insert(Delivery), rows)
    with deps[0].database.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    told.say(breakout_id, "name")
    with deps[0].database.reading() as session:
        grown = session.get_one(Outbox, breakout_id).claim
    spread(deps[0], breakout_id, grown)
    with explained(deps[0].database.engine) as read:
        assert go_on(deps[0], _claim(deps[0], made.endpoint_id), [], [], 1).lines
        assert go_on(deps[0], _claim(deps[0], made.endpoint_id), [], [], 0).is_over
    bad = [
        f"{rows:.0f} rows: {statement}\n{plan}" for statement, (rows, plan) in read.items() if rows > 2 * PURGED_ROWS
    ]
    assert not bad, "\n\n".join(bad)


def _claim(deps: Deps, endpoint_id: str) -> due.Claim:
    """Start a pass over an endpoint, after whoever holds it."""
    with deps.database.transaction() as tx:
        tx.session.execute(update(Endpoint).where(col(Endpoint.id) == endpoint_id).values(holder=None))
        asked = [(endpoint_id, tx.session.get_one(Endpoint, endpoint_id, populate_existing=True).claim)]
        return due.start_all(tx, Endpoint, asked, holder="me", lease=timedelta(minutes=1))[endpoint_id]


def _live(hand: Hand) -> list[Browser]:
    """Let everybody go to their rooms, and move somebody."""
    people = [Browser(hand, name) for name in NAMES]
    for _ in range(2):
        for person in people:
            person.follow()
    hand.work(Room, Recording)
    other = next(name for name in rooms(hand) if name != people[0].room)
    people[0].move(other)
    hand.work(Room)
    people[0].follow()
    hand.work(Room)
    return people


def _poll(hand: Hand) -> None:
    with hand.deps.database.transaction() as tx:
        meeting = tx.session.get_one(Meeting, hand.meeting_id)
        meeting.poll_at = meeting.due_at = tx.now()
    hand.work(Meeting)


def _end(hand: Hand, people: Iterable[Browser]) -> None:
    operations.close(hand.deps, hand.breakout_id, 0)
    for person in people:
        person.follow()
    for _ in range(MOST_PASSES):
        hand.pass_grace()
        hand.work(Recording)
        if _look_at(hand) == "closed":
            return
    pytest.fail("the breakout is not closed")


def _look_at(hand: Hand) -> str:
    """Ask all that operators, browsers, Flower, Prometheus and timekeepers ask all the time. Returns the state."""
    with hand.deps.database.reading() as session:
        found = breakouts.breakout(session, hand.breakout_id)
        breakouts.breakouts(session, Asked(5), meeting_id=hand.meeting_id)
        news.heads(session, [hand.meeting_id], [hand.breakout_id])
        progress.read(session, progress.running(session))
        gauges.count_states(session)
        scan.waiting(session, database_now(session))
    seats.read(hand.deps, hand.ids().values())
    for table in TABLES:
        with hand.deps.database.transaction() as tx:
            scan.next_due(tx.session, {}, after=tx.now())
            scan.dispatch_due(tx, table, 100, {})
            scan.forget_dispatches(tx, table)
    return str(found.state)


Read = dict[str, tuple[float, str]]
"""The most rows that a node of a statement's plan has read, and the plan."""


@contextmanager
def explained(engine: Engine) -> Iterator[Read]:
    """Run each statement that reads once more before, only to see what it reads, and undo that."""
    read: Read = {}

    def look(connection: Any, _c: object, statement: str, parameters: Any, _context: object, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            plan = _explain(connection.connection.driver_connection, statement, parameters[0] if many else parameters)
            rows = max(_rows(plan), default=0.0)
            if rows >= read.get(statement, (0.0, ""))[0]:
                read[statement] = rows, json.dumps(plan, indent=1)

    event.listen(engine, "before_cursor_execute", look)
    try:
        yield read
    finally:
        event.remove(engine, "before_cursor_execute", look)


def _explain(connection: psycopg.Connection[Any], statement: str, parameters: Any) -> dict[str, Any]:
    in_transaction = connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS
    with connection.cursor() as cursor:
        if in_transaction:
            cursor.execute("SAVEPOINT look")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), parameters)
        plan: dict[str, Any] = (cursor.fetchone() or [])[0][0]["Plan"]
        if in_transaction:
            cursor.execute("ROLLBACK TO look")
    return plan


def _rows(plan: dict[str, Any]) -> Iterator[float]:
    """Yield how many rows each node of a plan has read of a table or an index."""
    if "Relation Name" in plan or "Index Name" in plan:
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        yield (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from _rows(part)
