"""Breakouts of 100 rooms and 1,000 people that open one after another, as the load beside what is measured."""

import threading
import time
from datetime import datetime

from tests.benchmarks.rig import moments
from tests.support.stack import Stack
from tests.support.waiting import wait_until

ROOMS, PEOPLE = 100, 1000


class Opener:
    """Drafts of breakouts, each of a meeting of its own, which are opened on demand."""

    def __init__(self, stack: Stack, breakouts: int) -> None:
        self._stack = stack
        meetings = [stack.meeting(PEOPLE) for _ in range(breakouts)]
        self._drafts = {str(stack.breakout(one, rooms=ROOMS, start="manual")["id"]): one for one in meetings}
        self._opened: list[str] = []
        self._until = 0.0
        self._thread = threading.Thread(target=self._open_all)

    def open_for(self, seconds: float) -> None:
        """Begin to open one after another, for so many seconds or until none is left."""
        self._until = time.monotonic() + seconds
        self._thread.start()

    def openings(self) -> list[tuple[datetime, datetime]]:
        """Wait for the last that was begun, and return when each began and was open, by the database's clock."""
        self._thread.join()
        return [(self._when(one, "opening"), self._when(one, "open")) for one in self._opened]

    def _open_all(self) -> None:
        for breakout_id, meeting_id in self._drafts.items():
            if time.monotonic() > self._until:
                break
            self._open(breakout_id, meeting_id)

    def _open(self, breakout_id: str, meeting_id: str) -> None:
        self._stack.post(f"/v1/breakouts/{breakout_id}/start")
        wait_until(lambda: self._is_open(meeting_id), 120, every=0.2, what="the breakout open")
        self._opened.append(breakout_id)

    def _is_open(self, meeting_id: str) -> bool:
        """Look without reading rooms and people, which would be a load of its own."""
        listed = self._stack.get(f"/v1/meetings/{meeting_id}/breakouts")["items"]
        return bool(listed[0]["state"] == "open")

    def _when(self, breakout_id: str, state: str) -> datetime:
        return moments(self._stack, breakout_id, "breakout.state", state)[0]
