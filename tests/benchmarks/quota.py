"""What the quota lets through with three worker processes, counted by the sandbox as Cloudflare counts.

1. Exactness: three processes call as fast as they may.
2. The cost of opening 30 rooms with 100 people, with 60 calls allowed in 10 seconds.
3. 30 rooms with 300 people open under the same budget, and another breakout closes in the middle of that.
"""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import httpx

from orchestrator.errors import OutOfQuota
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.budget import Budget, usable_of
from orchestrator.realtimekit.quota.gate import Quota
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.settings import Settings
from tests.benchmarks.frame import Of, Sheet, run
from tests.benchmarks.rig import moments, rig
from tests.support.processes import clean_environment
from tests.support.stack import Stack
from tests.support.waiting import wait_until

LIMIT, WINDOW, PROCESSES = 60, 10, 3
BUSY_LIMIT, BUSY_SECONDS = 600, 35
ROOMS, FEW_PEOPLE, MANY_PEOPLE = 30, 100, 300
OTHERS, OTHER_ROOMS, CLOSES_AFTER = 20, 5, 75
"""The other breakout, and the seconds after its opening until its timer ends, during the opening of the first."""


def measure(sheet: Sheet) -> None:
    """Measure all three."""
    with _limited(BUSY_LIMIT) as stack:
        _exactness(sheet, stack)
    with _limited(LIMIT) as stack:
        _cost(sheet, stack)
    with _limited(LIMIT) as stack:
        _closing_amid_opening(sheet, stack)


@contextmanager
def _limited(limit: int) -> Iterator[Stack]:
    """Run a system with three workers and a RealtimeKit that refuses everything beyond its limit."""
    with rig(
        20,
        REALTIMEKIT_REQUESTS_PER_5_MINUTES=str(limit),
        REALTIMEKIT_QUOTA_WINDOW_SECONDS=str(WINDOW),
        SYNC_SECONDS="300",
    ) as stack:
        for worker in [stack.start_worker() for _ in range(PROCESSES - 1)]:
            worker.wait_for_text(" ready.", 60)
        budget = {"calls": limit, "window_seconds": WINDOW, "block_seconds": 60}
        httpx.put(f"{stack.sandbox.root}/_sandbox/budget", json=budget, trust_env=False).raise_for_status()
        yield stack


def _exactness(sheet: Sheet, stack: Stack) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.quota", "busy"]
    environment = clean_environment() | stack.environment
    busy = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(PROCESSES)]
    assert [process.wait() for process in busy] == [0] * PROCESSES
    most = _most([call["at"] for call in _calls(stack)])
    name = f"{PROCESSES} busy processes: the most calls in {WINDOW} s, of those that are given out"
    sheet.figure(name, "%", at_least=98, at_most=100).add(100 * most / usable_of(BUSY_LIMIT))
    _note_refused(sheet, stack)


def _busy() -> None:
    """Call with 60 calls in flight until the time is up; each busy process runs this."""
    settings = Settings(_env_file=None)
    kit = RealtimeKit(settings, Quota.of(settings))
    until = time.monotonic() + BUSY_SECONDS

    async def call(number: int) -> None:
        while time.monotonic() < until:
            try:
                await kit.kick_all(f"00000000-0000-4000-8000-{number:012}")
            except OutOfQuota as error:
                await asyncio.sleep(error.retry_after)

    async def call_all() -> None:
        await asyncio.gather(*(call(number) for number in range(60)))

    kit.run(call_all())
    kit.close()


def _cost(sheet: Sheet, stack: Stack) -> None:
    made = stack.breakout(stack.meeting(FEW_PEOPLE), rooms=ROOMS, start="manual")
    before = len(_calls(stack))
    stack.post(f"/v1/breakouts/{made['id']}/start")
    stack.wait(made["id"], "open", 120)
    calls = _calls(stack)[before:]
    name = f"{ROOMS} rooms, {FEW_PEOPLE} people open under a tight quota: calls"
    sheet.figure(name, "times the least", at_most=1).add(len(_opening(calls)) / (ROOMS + FEW_PEOPLE))
    _note_refused(sheet, stack)


def _closing_amid_opening(sheet: Sheet, stack: Stack) -> None:
    stack.register_webhook()
    meeting, other_meeting = stack.meeting(MANY_PEOPLE), stack.meeting(OTHERS)
    other = stack.breakout(other_meeting, rooms=OTHER_ROOMS, countdown_seconds=2, duration_seconds=CLOSES_AFTER)
    stack.people(other_meeting, [f"p{number}" for number in range(OTHERS)])
    everybody: Callable[[Any], Any] = lambda found: found["progress"]["participants"]["joined"] == OTHERS  # noqa: E731
    opened = stack.wait(other["id"], "open", 60, everybody)
    wait_until(lambda: time.time() > _calls(stack)[-1]["at"] + WINDOW, 60, every=0.5, what="an empty window")
    told = _Told(stack, other_meeting)
    made = stack.breakout(meeting, rooms=ROOMS, start="manual")
    before = len(_calls(stack))
    stack.post(f"/v1/breakouts/{made['id']}/start")
    stack.wait(made["id"], "open", 240)
    closed = stack.wait(other["id"], "closed", 60)
    calls = _calls(stack)[before:]
    _note_opening(sheet, _opening(calls))
    _note_closing(sheet, stack, closed, calls, told.first_after(datetime.fromisoformat(opened["closes_at"])))
    _note_refused(sheet, stack)


def _note_opening(sheet: Sheet, opening: Sequence[Any]) -> None:
    """Compare the time that an opening took with the least that its share of the budget allows."""
    took = opening[-1]["at"] - opening[0]["at"]
    cap = Budget(usable_of(LIMIT), WINDOW).caps()[Priority.OPENING]
    least = (len(opening) - 1) // cap * WINDOW
    name = f"{ROOMS} rooms, {MANY_PEOPLE} people open with {cap} calls in {WINDOW} s: the least time, of that it took"
    sheet.figure(name, "%", at_least=98).add(100 * least / took)


def _note_closing(sheet: Sheet, stack: Stack, closed: Any, calls: Sequence[Any], told: datetime) -> None:
    due = datetime.fromisoformat(closed["closes_at"])
    wanted = moments(stack, closed["id"], "room.state", "closing")
    ending = [call for call in calls if call["operation"] in ("update_meeting_by_id", "kick_all_participants")]
    since, until = wanted[0].timestamp(), ending[-1]["at"]
    between = [call for call in _opening(calls) if since < call["at"] < until]
    closing = f"{OTHER_ROOMS} rooms close amid that"
    sheet.figure(f"{closing}: people told after their time", "ms").add((told - due).total_seconds() * 1000)
    sheet.figure(f"{closing}: calls of the opening between theirs").add(len(between))
    sheet.figure(f"{closing}: calls", "of their own").add(len(ending))


class _Told:
    """When each person's browser received something."""

    def __init__(self, stack: Stack, meeting: str) -> None:
        self._url = f"{stack.url}/v1/seat/events"
        self._headers = {"Authorization": f"Bearer {stack.token(meeting, 'p0')}"}
        self._at: list[datetime] = []
        threading.Thread(target=self._read, daemon=True).start()

    def first_after(self, moment: datetime) -> datetime:
        return next(at for at in self._at if at >= moment)

    def _read(self) -> None:
        with (
            suppress(httpx.RemoteProtocolError),  # the system ends first
            httpx.stream("GET", self._url, headers=self._headers, timeout=None, trust_env=False) as answer,
        ):
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    self._at.append(datetime.now(UTC))


def _calls(stack: Stack) -> list[Any]:
    found: list[Any] = _shown(stack)["log"]
    return sorted((call for call in found if call["operation"]), key=lambda call: call["at"])


def _opening(calls: Sequence[Any]) -> list[Any]:
    return [call for call in calls if call["operation"] in ("create_meeting", "add_participant")]


def _most(times: Sequence[float]) -> int:
    """Return the most calls within any window."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return most


def _note_refused(sheet: Sheet, stack: Stack) -> None:
    """Note how many calls the sandbox has answered with 429."""
    sheet.figure("calls answered with 429", at_most=0, of=Of.MAX).add(_shown(stack)["budget"]["turned_away"])


def _shown(stack: Stack) -> Any:
    return httpx.get(f"{stack.sandbox.root}/_sandbox/calls", timeout=20, trust_env=False).json()


if __name__ == "__main__":
    _busy() if sys.argv[1:] == ["busy"] else run("quota", measure)
