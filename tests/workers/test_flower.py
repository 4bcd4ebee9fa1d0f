"""The teller: one process at a time sends Flower the progress of breakouts, and another takes over from it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import update

from orchestrator import bootstrap
from orchestrator.domain.progress import BreakoutProgress
from orchestrator.settings import Settings
from orchestrator.store.broker import Broker, celery_settings
from orchestrator.store.database import Database
from orchestrator.store.keys import Keys
from schemas.events import Topic
from schemas.states import BreakoutState, CloseReason
from schemas.tables import Breakout, Meeting
from tests.support.audience import Audience
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until
from workers.flower import Teller, events

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PATIENCE_SECONDS = 30
LATER = NOON + timedelta(minutes=1)


KEYS = Keys("0a1b2c3d")


@pytest.fixture
def celery(own_valkey: Valkey) -> Celery:
    """Make an application like the workers'."""
    app = Celery("tests", set_as_current=False)
    app.conf.update(celery_settings(own_valkey.url, KEYS))
    return app


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """Open a database of this test's own."""
    made = bootstrap.reader(Settings(database_url=sqlite_url, _env_file=None))
    yield made
    made.close()


@pytest.fixture
def teller(celery: Celery, own_valkey: Valkey, database: Database) -> Iterator[Callable[..., Teller]]:
    """Give a function that makes and starts tellers."""
    made: list[Teller] = []

    def make(node: str, **more: Any) -> Teller:
        made.append(Teller(celery, node, Broker(own_valkey.url, lambda: KEYS), database, **more))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def broker(own_valkey: Valkey) -> Iterator[Broker]:
    """Give the broker of a process that commits changes."""
    made = Broker(own_valkey.url, lambda: KEYS)
    yield made
    made.close()


@pytest.fixture
def breakout_id(database: Database) -> str:
    """Store an open breakout, and return its id."""
    with database.transaction() as tx:
        meeting = Meeting(
            title="Physics", realtimekit_meeting_id="m", host_preset="h", participant_preset="p", created_at=NOON
        )
        tx.session.add(meeting)
        tx.session.flush()
        row = Breakout(
            meeting_id=meeting.id, name="Round 1", seed=1, state=BreakoutState.OPEN, starts_at=NOON, created_at=NOON
        )
        tx.session.add(row)
        return row.id


@pytest.fixture
def audience(celery: Celery) -> Iterator[Callable[[], Audience]]:
    """Give a function that makes listeners."""
    with ExitStack() as stack:
        yield lambda: Audience(celery, stack)


Tellers = Callable[..., Teller]
Audiences = Callable[[], Audience]


def test_another_process_becomes_the_teller_at_once(audience: Audiences, teller: Tellers, breakout_id: str) -> None:
    early = audience()
    first = teller("one@here")
    wait_until(lambda: early.row(breakout_id).state == "OPEN", PATIENCE_SECONDS)
    teller("two@here")
    late = audience()
    first.stop()
    row = wait_until(lambda: late.row(breakout_id).state == "OPEN" and late.row(breakout_id), PATIENCE_SECONDS)
    assert row.worker.hostname == "two@here"
    assert (row.name, row.args) == ("breakout", "0/0 joined · Round 1")
    assert row.received == row.started == NOON.timestamp()


def test_a_later_listener_soon_sees_every_breakout(audience: Audiences, teller: Tellers, breakout_id: str) -> None:
    early = audience()
    teller("one@here", refresh_seconds=0.1)
    wait_until(lambda: early.row(breakout_id).state == "OPEN", PATIENCE_SECONDS)
    late = audience()
    wait_until(lambda: late.row(breakout_id).state == "OPEN", PATIENCE_SECONDS)
    assert late.row(breakout_id).started == NOON.timestamp()


def test_one_process_sends_a_change_and_nothing_follows_the_end(
    audience: Audiences, teller: Tellers, database: Database, broker: Broker, breakout_id: str
) -> None:
    listener = audience()
    for node in ("one@here", "two@here"):
        teller(node)
    wait_until(lambda: listener.row(breakout_id).state == "OPEN", PATIENCE_SECONDS)
    _become(database, broker, breakout_id, state=BreakoutState.CLOSED, close_reason=CloseReason.API, closed_at=LATER)
    row = wait_until(
        lambda: listener.row(breakout_id).state == "SUCCESS" and listener.row(breakout_id), PATIENCE_SECONDS
    )
    assert (row.result, row.runtime) == ("closed (api): 0 returned", 60.0)
    _become(database, broker, breakout_id, name="Renamed")
    wait_until(lambda: listener.row(breakout_id).args == "0 rooms · 0 people · Renamed", PATIENCE_SECONDS)
    assert listener.row(breakout_id).state == "SUCCESS"
    assert len(listener.state.workers) == 1


def test_a_pause_shows_what_is_left_until_it_ends(
    audience: Audiences, teller: Tellers, database: Database, broker: Broker, breakout_id: str
) -> None:
    listener = audience()
    teller("one@here")
    wait_until(lambda: listener.row(breakout_id).state == "OPEN", PATIENCE_SECONDS)
    _become(database, broker, breakout_id, paused_with_seconds=452.0)
    wait_until(lambda: listener.row(breakout_id).state == "PAUSED", PATIENCE_SECONDS)
    assert listener.row(breakout_id).args == "0/0 joined · 7:32 left · Round 1"
    _become(database, broker, breakout_id, paused_with_seconds=None)
    wait_until(lambda: listener.row(breakout_id).state == "OPEN", PATIENCE_SECONDS)


def test_a_change_while_the_broker_was_away_is_sent_when_it_is_back(
    audience: Audiences, teller: Tellers, database: Database, own_valkey: Valkey, breakout_id: str
) -> None:
    listener = audience()
    teller("one@here")
    wait_until(lambda: listener.row(breakout_id).state == "OPEN", PATIENCE_SECONDS)
    own_valkey.kill()
    _become(database, None, breakout_id, state=BreakoutState.CLOSING)
    own_valkey.start()
    later = audience()
    wait_until(lambda: later.row(breakout_id).state == "CLOSING", PATIENCE_SECONDS)


def _become(database: Database, broker: Broker | None, breakout_id: str, **values: Any) -> None:
    with database.transaction() as tx:
        tx.session.execute(update(Breakout).values(**values))
    if broker is not None:
        broker.submit([], {Topic.BREAKOUT.of(breakout_id)})


@pytest.mark.parametrize(
    ("state", "shown", "kinds"),
    [
        (BreakoutState.OPENING, False, ["task-received", "task-started", "task-opening"]),
        (BreakoutState.OPEN, True, ["task-open"]),
        (BreakoutState.FAILED, True, ["task-failed"]),
    ],
)
def test_a_row_begins_goes_on_and_ends_as_celery_knows_it(state: BreakoutState, shown: bool, kinds: list[str]) -> None:
    progress = BreakoutProgress(breakout_id="b", name="Round 1", state=state, started_at=NOON)
    assert [kind for kind, _ in events(progress, shown=shown)] == kinds
