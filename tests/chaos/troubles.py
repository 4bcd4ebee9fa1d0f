"""What may happen to our own parts during a lifecycle, and how soon work must continue afterwards."""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import redis

from schemas.tasks import Queue
from tests.chaos import copies
from tests.chaos.lane import Lane
from tests.chaos.story import END_SECONDS, Mischief
from tests.support.invariants import Bounds
from tests.support.stack import JSON

OPENING, CLOSING, WHOLE = "opening", "closing", "whole"
LATENCY_MS = 300
"""The latency of each call to RealtimeKit; otherwise all would be over before anything can fail."""
AFTER_RETURN_SECONDS = 6.0
"""Work continues this soon once a broker or a database is back.

What was sent and not started is sent again after 5 s, by a timekeeper that looks every second.
"""
AFTER_DEATH_SECONDS = 15.0
"""Work continues this soon after a worker died or froze."""
AWAY_SECONDS = 8.0
FROZEN_SECONDS = 20.0
PAST_END_SECONDS = END_SECONDS + 0.5
DEFAULTS = {
    "LEASE_SECONDS": "12",
    "REALTIMEKIT_TIMEOUT_SECONDS": "6",
    "SEARCH_SETTLE_SECONDS": "3",
    "LOOK_AGAIN_SECONDS": "10",
}
"""The product's defaults, where those of a lane are shorter."""
WORK = (
    "create_meeting",
    "update_meeting",
    "add_participant",
    "start_recordings",
    "pause_resume_stop_recording",
    "kick_all_participants",
)
"""Calls to RealtimeKit that advance a breakout."""


@dataclass(frozen=True)
class Recovery:
    """How long something took to continue, and how long it may take."""

    what: str
    seconds: float
    bound: float


@dataclass
class Scene:
    """A lane in which something fails, in one phase of a breakout."""

    lane: Lane
    phase: str
    recoveries: list[Recovery] = field(default_factory=list)

    def until_work(self, what: str, bound: float = AFTER_RETURN_SECONDS) -> None:
        """Measure the time until RealtimeKit gets a call for the breakout, or the breakout has advanced."""
        begun, before = time.monotonic(), self._signs()
        self.lane.wait(lambda: self._signs() != before or self.is_over(), f"work after {what}")
        self.recoveries.append(Recovery(what, time.monotonic() - begun, bound))

    def until_over(self, what: str, since: float, bound: float = AFTER_DEATH_SECONDS) -> None:
        """Measure the time until this phase is done."""
        self.lane.wait(self.is_over, f"the end of {self.phase} after {what}")
        self.recoveries.append(Recovery(what, time.monotonic() - since, bound))

    def is_over(self) -> bool:
        """Whether the breakout is open, or closed in the closing phase."""
        state = self.lane.ask("GET", self.lane.path)["state"]
        return bool(state in ("closed",) if self.phase == CLOSING else state in ("open", "closing", "closed"))

    def to_the_end_of_the_timer(self) -> None:
        """Let the timer run out in the closing phase."""
        if self.phase == CLOSING:
            self.lane.rest(PAST_END_SECONDS)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Freeze a process inside the block."""
        process = self.lane.running[name]
        process.send(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send(signal.SIGCONT)

    def _signs(self) -> tuple[int, JSON, str]:
        counts = self.lane.stack.sandbox.calls()["counts"]
        seen = self.lane.ask("GET", self.lane.path)
        return sum(counts.get(operation, 0) for operation in WORK), seen["progress"], seen["state"]


class Trouble:
    """A trouble: it prepares before the phase's request, acts right after the answer, and is undone at the end."""

    phases: ClassVar[tuple[str, ...]] = (OPENING, CLOSING)
    bounds: ClassVar[Bounds] = Bounds()

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.lane = scene.lane

    def before(self) -> None:
        """Prepare."""

    def during(self) -> None:
        """Act."""

    def undo(self) -> None:
        """Restore the lane."""

    def mischief(self) -> Mischief:
        """Return these steps at the right moments."""
        if self.scene.phase == CLOSING:
            return Mischief(before_closing=self._begin, closing=self._go, afterwards=self._end, bounds=self.bounds)
        return Mischief(before_opening=self._begin, opening=self._go, afterwards=self._end, bounds=self.bounds)

    def _begin(self, _: Lane) -> None:
        self.lane.stack.sandbox.latency(LATENCY_MS)
        self.before()

    def _go(self, _: Lane) -> None:
        self.during()
        self.lane.stack.sandbox.latency(0)

    def _end(self, _: Lane) -> None:
        self.lane.stack.sandbox.latency(0)
        self.undo()


class BrokerEmptied(Trouble):
    """FLUSHALL while all messages wait in queues, because the worker is frozen."""

    def before(self) -> None:
        self.lane.running["worker"].send(signal.SIGSTOP)

    def during(self) -> None:
        self.scene.to_the_end_of_the_timer()
        with redis.Redis.from_url(self.lane.broker.url) as client:
            client.flushall()
        self.undo()
        self.scene.until_work("the broker was emptied")

    def undo(self) -> None:
        self.lane.running["worker"].send(signal.SIGCONT)


class BrokerReplaced(Trouble):
    """The broker is killed before the request, and replaced by an empty one."""

    away_seconds = 0.0

    def before(self) -> None:
        self.lane.broker.kill()

    def during(self) -> None:
        self.scene.to_the_end_of_the_timer()
        self.lane.rest(self.away_seconds)
        self.lane.broker.forget()
        self.lane.broker.start()
        self.scene.until_work("an empty broker came")

    def undo(self) -> None:
        if not self.lane.broker.process.alive:
            self.lane.broker.start()


class BrokerReplacedLate(BrokerReplaced):
    """The same, with the replacement after a while."""

    away_seconds = AWAY_SECONDS


class BrokerFrozen(Trouble):
    """The broker accepts connections and does not answer."""

    def before(self) -> None:
        self.lane.broker.process.send(signal.SIGSTOP)

    def during(self) -> None:
        self.lane.rest(FROZEN_SECONDS)
        self.undo()
        self.scene.until_work("the broker thawed")

    def undo(self) -> None:
        self.lane.broker.process.send(signal.SIGCONT)


class DatabaseRestarted(Trouble):
    """The database is stopped as an administrator would, and started at once."""

    def before(self) -> None:
        self.lane.server.keep_commits(self.lane.stack.environment["DATABASE_URL"])

    def during(self) -> None:
        self.scene.to_the_end_of_the_timer()
        self.lane.server.stop()
        self.lane.server.start()
        self.scene.until_work("the database is back")

    def undo(self) -> None:
        if not self.lane.server.process.alive:
            self.lane.server.start()


class DatabaseCrashed(DatabaseRestarted):
    """The database crashes and is back after a while; the timer ends meanwhile."""

    def before(self) -> None:
        super().before()
        self.lane.server.cut(self.lane.stack.environment["DATABASE_URL"])

    def during(self) -> None:
        self.lane.server.crash()
        self.lane.rest(AWAY_SECONDS)
        self.lane.server.start()
        self.scene.until_work("the database is back")


class ConnectionsCut(Trouble):
    """All connections to the database are terminated, several times."""

    def during(self) -> None:
        self.scene.to_the_end_of_the_timer()
        for _ in range(3):
            self.lane.server.cut(self.lane.stack.environment["DATABASE_URL"])
            self.lane.rest(0.3)
        self.scene.until_work("all connections were cut")


class Restarting(Trouble):
    """Processes run with an environment of their own for the whole lifecycle."""

    phases = (WHOLE,)
    environments: ClassVar[Mapping[str, Mapping[str, str]]]

    def before(self) -> None:
        for name, environment in self.environments.items():
            if name in self.lane.running:
                self.lane.end(name)
            self.lane.begin(name, environment)
        self.lane.wait_until_ready()

    def undo(self) -> None:
        for name in self.environments:
            self.lane.end(name)
            if "-" not in name:
                self.lane.begin(name)


class EachMessageTwice(Restarting):
    """An exact copy of each message, and two workers that take both at the same time."""

    environments: ClassVar[Mapping[str, Mapping[str, str]]] = {
        name: {copies.COPIES: "2"} for name in ("api", "timekeeper", "worker", "worker-2")
    }


class EachMessageLate(Restarting):
    """All messages once more, long after they were sent: those of the opening, then those of the closing."""

    environments: ClassVar[Mapping[str, Mapping[str, str]]] = {
        name: {copies.COPIES: "1"} for name in ("api", "timekeeper", "worker")
    }

    def mischief(self) -> Mischief:
        return Mischief(
            before_opening=lambda _: self.before(),
            before_closing=lambda _: self._put_back(),
            closing=lambda _: self._when_closed(),
            afterwards=lambda _: self.undo(),
        )

    def _when_closed(self) -> None:
        self._put_back()
        self.scene.phase = CLOSING
        self.lane.wait(self.scene.is_over, "a closed breakout")
        self._put_back()

    def _put_back(self) -> None:
        assert copies.put_back(self.lane.broker.url, self.lane.stack.keys), "nothing was kept"
        self.lane.wait(self._is_quiet, "empty queues")

    def _is_quiet(self) -> bool:
        with redis.Redis.from_url(self.lane.broker.url) as client:
            keys = self.lane.stack.keys
            waiting = sum(int(client.llen(keys.queue(queue))) for queue in Queue)
            return waiting + int(client.hlen(f"{keys.prefix}unacked")) == 0


class Struck(Trouble):
    """A process is struck at a point; another one, frozen until then, continues."""

    name = "worker"
    points: ClassVar[Mapping[str, str]]
    environment: ClassVar[Mapping[str, str]] = {}

    @property
    def other(self) -> str:
        """The name of the process that continues."""
        return f"{self.name}-2"

    def before(self) -> None:
        if self.environment:
            self.lane.begin_anew(self.name, self.environment)
        self.lane.begin(self.other, self.environment)
        self.lane.wait_until_ready()
        self.lane.running[self.other].send(signal.SIGSTOP)
        self.strike(self.points[self.scene.phase])

    def strike(self, point: str) -> None:
        """Give the order."""
        self.lane.kill_at(self.name, point)

    def during(self) -> None:
        self.lane.wait(lambda: self.lane.has_met(self.name), f"{self.points[self.scene.phase]}")
        since = time.monotonic()
        self.lane.running[self.other].send(signal.SIGCONT)
        self.lane.stack.sandbox.latency(0)
        self.scene.until_over(f"the {self.name} was struck", since)

    def undo(self) -> None:
        self.lane.end(self.other)
        self.lane.running[self.name].send(signal.SIGCONT)
        if self.environment:
            self.lane.begin_anew(self.name)


class Frozen(Struck):
    """The process freezes, and wakes when all is done, with its answers and the calls that it was about to make."""

    def strike(self, point: str) -> None:
        self.lane.freeze_at(self.name, point)

    def during(self) -> None:
        super().during()
        self.lane.running[self.name].send(signal.SIGCONT)
        self.lane.rest(2)
