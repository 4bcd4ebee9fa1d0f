"""SQLite on a full disk: requests are refused, and accepted work continues when there is room again."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import SQLiteTemplate
from tests.support.processes import Processes
from tests.support.stack import Stack, stack_in
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

FULL_BYTES = 512 * 1024
"""The limit on the size of every file, far above the logs and below what the database's write-ahead log reaches."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of running processes are Linux's")


@pytest.fixture
def small(
    processes: Processes, sqlite_template: SQLiteTemplate, valkey_of_session: Valkey, tmp_path: Path
) -> Iterator[Stack]:
    """Run a system on SQLite whose disk is nearly full."""
    database = tmp_path / "breakouts.db"
    url = sqlite_template.copy_to(database)
    with stack_in(processes, database_url=url, broker_url=valkey_of_session.url, home=tmp_path / "home") as stack:
        stack.start()
        log = database.with_name("breakouts.db-wal")
        wait_until(
            lambda: stack.meeting(200) and log.stat().st_size > FULL_BYTES, what="a write-ahead log that is long"
        )
        yield stack


def test_a_full_disk_is_told_and_nothing_accepted_is_lost(small: Stack) -> None:
    stack, meeting = small, small.meeting(6)
    draft = stack.breakout(stack.meeting(2), rooms=1, start="manual")
    stack.sandbox.latency(1000)  # so that something has to be recorded
    accepted = stack.breakout(meeting, rooms=3)
    for process in stack.processes.started:
        process.limit_files(FULL_BYTES)
    answer = stack.api.post(f"/v1/breakouts/{draft['id']}/start")
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    wait_until(lambda: "disk" in _said(stack, "part of us is unavailable"), what="a line that names the disk")
    wait_until(lambda: "disk" in _said(stack, "the timekeeper could not look"), what="another of the timekeeper")
    assert stack.see(draft["id"])["state"] == "draft"
    stack.sandbox.latency(0)
    for process in stack.processes.started:
        process.limit_files()
    assert stack.api.post(f"/v1/breakouts/{draft['id']}/start").status_code == 202
    stack.wait(draft["id"], "open")
    opened = stack.wait(accepted["id"], "open")
    rooms = {room["realtimekit_meeting_id"] for room in opened["rooms"]}
    admitted = Counter(
        it["custom_participant_id"] for it in stack.sandbox.state()["participants"] if it["meeting_id"] in rooms
    )
    assert set(admitted.values()) == {1}
    assert len(admitted) == 6


def _said(stack: Stack, words: str) -> str:
    """Return the log lines of all processes that contain these words."""
    lines = [line for process in stack.processes.started for line in process.output.splitlines()]
    return "\n".join(line for line in lines if words in line)
