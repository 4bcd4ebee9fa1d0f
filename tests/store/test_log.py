"""A breakout's log is complete and gap-free however many write to it, and whoever reads meanwhile never skips one."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from orchestrator.services.views import event_log
from orchestrator.settings import Settings
from orchestrator.store.database import Database
from schemas.events import EventType
from schemas.tables import Breakout, Meeting
from tests.support.logs import log_of

WRITERS, COMMITS = 8, 25
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class GaveUpError(Exception):
    """What a writer meets in the middle of its transaction."""


@contextmanager
def process_of(url: str) -> Iterator[Database]:
    """Give a database as another process sees it: its transactions take no turns with anybody else's."""
    database = Database(Settings(database_url=url, _env_file=None).database, lambda *_: None, pool_size=1)
    yield database
    database.close()


def add_breakout(url: str) -> str:
    with process_of(url) as database, database.transaction() as tx:
        meeting = Meeting(
            title="Physics", realtimekit_meeting_id="rtk", host_preset="h", participant_preset="p", created_at=NOW
        )
        tx.session.add(meeting)
        tx.session.flush()
        breakout = Breakout(meeting_id=meeting.id, name="Round", seed=1, created_at=NOW)
        tx.session.add(breakout)
        tx.session.flush()
        return breakout.id


def write(url: str, breakout_id: str, writer: int) -> None:
    """One to three events in each commit, and every fifth transaction is taken back."""
    with process_of(url) as database:
        for commit in range(COMMITS):
            with suppress(GaveUpError), database.transaction() as tx:
                with log_of(tx, breakout_id) as b:
                    for part in range(1 + commit % 3):
                        b.log(EventType.BREAKOUT_CHANGED, {"writer": writer, "commit": commit, "part": part})
                if commit % 5 == 4:
                    raise GaveUpError


def follow(url: str, breakout_id: str, is_over: threading.Event) -> list[int]:
    """Return the numbers that a reader sees, from its own cursor on, until all is written."""
    seen: list[int] = []
    with process_of(url) as database:
        while True:
            last_look = is_over.is_set()
            with database.reading() as session:
                found = event_log.after(session, breakout_id, seen[-1] if seen else 0, 10)
            seen += [event.id for event in found]
            if last_look and not found:
                return seen


def test_eight_writers_leave_a_complete_log_without_a_gap(database_url: str) -> None:
    breakout_id, is_over = add_breakout(database_url), threading.Event()
    kept = [commit for commit in range(COMMITS) if commit % 5 != 4]
    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(follow, database_url, breakout_id, is_over)
        writers = [pool.submit(write, database_url, breakout_id, number) for number in range(WRITERS)]
        try:
            for writer in writers:
                writer.result(60)
        finally:
            is_over.set()
        seen = reader.result(60)
    total = WRITERS * sum(1 + commit % 3 for commit in kept)
    assert seen == list(range(1, total + 1))
    with process_of(database_url) as database, database.reading() as session:
        log = event_log.after(session, breakout_id, 0, total + 1)
        assert event_log.head(session, breakout_id) == total
    written = Counter((event.data["writer"], event.data["commit"], event.data["part"]) for event in log)
    assert written == Counter(
        (writer, commit, part) for writer in range(WRITERS) for commit in kept for part in range(1 + commit % 3)
    )
