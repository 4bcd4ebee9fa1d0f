"""A backup that is restored while a breakout is open: everybody comes home, whatever their pages knew."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Processes
from tests.support.stack import Stack, stack_in
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

PEOPLE = ["p0", "p1", "p2", "p3"]


@pytest.fixture
def stack(processes: Processes, own_valkey: Valkey, sqlite_url: str, tmp_path: Path) -> Iterator[Stack]:
    """Make a system that is not started yet."""
    parts = {"database_url": sqlite_url, "broker_url": own_valkey.url, "home": tmp_path / "home"}
    with stack_in(processes, **parts) as made:
        yield made


def test_everybody_comes_home_from_a_breakout_that_a_backup_knows(stack: Stack, tmp_path: Path) -> None:
    stack.start()
    meeting = stack.meeting(len(PEOPLE))
    stack.people(meeting, PEOPLE)
    breakout = stack.breakout(meeting, rooms=2, duration_seconds=3600)["id"]
    stack.wait(breakout, "open", condition=lambda it: it["progress"]["participants"]["joined"] == len(PEOPLE))
    database, backup = tmp_path / "breakouts.db", tmp_path / "backup.db"
    with sqlite3.connect(database) as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
    for _ in range(8):
        stack.patch(f"/v1/breakouts/{breakout}", {"extend_seconds": 5})
    newest = [stack.seat(meeting, name)["version"] for name in PEOPLE]
    wait_until(lambda: sorted(stack.crowds.versions()) == sorted(newest), what="pages that know the newest seats")

    for process in (stack.api_process, *stack.workers, *stack.timekeepers):
        process.kill()
    for left in tmp_path.glob("breakouts.db*"):
        left.unlink()
    shutil.copyfile(backup, database)
    stack.start(webhooks=False)
    assert stack.seat(meeting, "p0")["version"] < min(newest)
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    people = stack.wait(breakout, "closed")["progress"]["participants"]
    assert (people["returned"], people["lost"]) == (len(PEOPLE), 0)
