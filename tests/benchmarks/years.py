"""Two databases with the same live breakouts: without a history, and with years of closed ones.

All breakouts are copies of two that were lived through by hand (tests/services/hand.py): one is open, one has closed.
The logs of the closed ones hold only ten events each, and their seats no tokens, so that a million of them fit on a
disk (40 GB).
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import text

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.planning import creating as planning
from schemas.requests import BreakoutRequest
from schemas.tables import Breakout, Meeting, Room
from tests.api.conftest import parts
from tests.services.browser import Browser
from tests.services.hand import Hand
from tests.support.copies import Original, copy_breakout, copy_into_meetings
from tests.support.databases import engine_of, migrate_url
from tests.support.postgres import postgres
from tests.support.sandbox_server import SandboxServer

ROOMS, PEOPLE, BATCH, KEPT_EVENTS = 4, 20, 5_000, 10
LEAST_FREE_BYTES = 10 * 10**9
LIVE = BreakoutRequest.model_validate(
    {"rooms": ROOMS, "start": "now", "duration_seconds": 4 * 3600, "countdown_seconds": 0, "allow_switch": True}
)


@dataclass(frozen=True)
class Databases:
    """The two databases."""

    short: str
    long: str
    live: Original
    """The live breakout of which each meeting has a copy."""
    meetings: int
    bytes: int
    """The size of the longer one."""


@contextmanager
def databases(sandbox: SandboxServer, broker_url: str, home: Path, closed: int, each: int) -> Iterator[Databases]:
    """Make both, with so many `closed` breakouts in the longer one, `each` to a meeting."""
    with postgres(shared_buffers="1GB", max_wal_size="4GB") as server:
        short = server.migrated(migrate_url)
        with parts(sandbox, home, database_url=short, broker_url=broker_url) as deps:
            ended, live = _live_through(deps, sandbox)
        meetings = closed // each
        engine = engine_of(short)
        with engine.begin() as connection:
            copy_breakout(connection, live, meetings, [])
        engine.dispose()
        long = server.fresh(short.rsplit("/", 1)[1])
        _add_history(long, ended, closed, each)
        yield Databases(short, long, live, meetings, _tidy(short, long))


def _live_through(deps: Deps, sandbox: SandboxServer) -> tuple[Original, Original]:
    """Let people live through a breakout, and go to the rooms of another. Returns the closed one and the open one."""
    hand = Hand(deps, sandbox, [f"p{number}" for number in range(PEOPLE)], rooms=ROOMS)
    people = [Browser(hand, f"p{number}") for number in range(PEOPLE)]
    for person in [*people, *people]:
        person.follow()
    ended = Original(hand.meeting_id, hand.breakout_id)
    operations.close(deps, hand.breakout_id, 0)
    for person in people:
        person.follow()
    hand.work(Breakout, Room, Breakout)
    hand.pass_grace()
    hand.work(Breakout)
    hand.breakout_id = planning.create(deps, hand.meeting_id, LIVE)
    hand.work(Breakout, Room, Breakout, Meeting)
    for person in people:
        person.follow()
    return ended, Original(hand.meeting_id, hand.breakout_id)


def _add_history(url: str, ended: Original, closed: int, each: int) -> None:
    engine = engine_of(url)
    with engine.begin() as connection:
        ids = {"id": ended.breakout_id, "kept": KEPT_EVENTS}
        connection.execute(text("UPDATE seat SET auth_token = NULL WHERE breakout_id = :id"), ids)
        connection.execute(text("DELETE FROM event WHERE breakout_id = :id AND number > :kept"), ids)
    for first in range(1, closed + 1, BATCH):
        free = shutil.disk_usage(tempfile.gettempdir()).free
        assert free > LEAST_FREE_BYTES, f"only {free / 1e9:.0f} GB are left on the disk"
        with engine.begin() as connection:
            copy_into_meetings(connection, ended, range(first, min(first + BATCH, closed + 1)), each)
    engine.dispose()


def _tidy(*urls: str) -> int:
    """Bring statistics and visibility up to date, as the server does in quiet hours. Returns the last one's size."""
    for url in urls:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])
