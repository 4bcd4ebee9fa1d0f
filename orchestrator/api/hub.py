"""What all seat streams of a process share: one subscription, and one reader that finds out what is new for whom.

A publish only wakes the reader, which asks the database. It asks every second or two anyway: a publish may get lost,
and Redis may be away.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import redis.asyncio
from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator import metrics
from orchestrator.api.tokens import Person
from orchestrator.log import logger
from orchestrator.services import news, seats
from orchestrator.services.deps import Deps
from orchestrator.services.news import Head, News
from orchestrator.store.broker import TOPIC_PREFIX
from orchestrator.store.database import Database

log = logger(__name__)

T = TypeVar("T")

SEATS = f"{TOPIC_PREFIX}seats:"
ANYWAY_SECONDS = 1.5
"""How often everybody's version is read although nobody was woken."""
GATHER_SECONDS = 0.05
"""Publishes come in bursts: what comes within this is read at once."""
PAUSE_SECONDS = 1.0
"""After trouble with the database or Redis."""
THREADS = 8
"""Reads at the same time, so that streams leave threads and connections to requests."""


@dataclass(eq=False)
class Listener:
    """One open stream, and what it has not yet been told."""

    person: Person
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    news: deque[News] = field(default_factory=deque)
    version: int = -1
    """The newest version of the seat that is known of."""
    sent: int = -1
    """The version sent last."""


class Hub:
    """Tells listeners what is new; everything but the reads happens on the event loop."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.ending = False
        self._by_meeting: defaultdict[str, set[Listener]] = defaultdict(set)
        self._cursors: dict[str, int] = {}
        self._dirty: set[str] = set()
        self._woken = asyncio.Event()
        self._everybody_at = 0.0
        self._limiter = CapacityLimiter(THREADS)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen and to read."""
        self._tasks = [asyncio.create_task(self._subscribe()), asyncio.create_task(self._read_for_ever())]

    def end(self) -> None:
        """Let all streams end, for the process is to stop."""
        self.ending = True
        for listeners in self._by_meeting.values():
            for listener in listeners:
                listener.wake.set()

    async def stop(self) -> None:
        """End everything."""
        self.end()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def add(self, person: Person) -> Listener:
        """Register a stream; from now on it misses nothing."""
        listener = Listener(person)
        self._by_meeting[person.meeting_id].add(listener)
        metrics.STREAMS.inc()
        return listener

    def remove(self, listener: Listener) -> None:
        """Forget a stream that has ended."""
        listeners = self._by_meeting[listener.person.meeting_id]
        listeners.discard(listener)
        metrics.STREAMS.dec()
        if not listeners:
            del self._by_meeting[listener.person.meeting_id]

    @property
    def streams(self) -> int:
        """How many are open."""
        return sum(map(len, self._by_meeting.values()))

    async def read(self, function: Callable[[], T]) -> T:
        """Run something that reads the database, in one of the streams' own few threads."""
        return await to_thread.run_sync(function, limiter=self._limiter)

    async def _subscribe(self) -> None:
        """Note which meetings' seats may have changed; after a gap, all of them."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                log.warning("no subscription", error=type(error).__name__)
            self._wake_everybody()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(
            self.deps.settings.broker,
            socket_connect_timeout=2,
            health_check_interval=10,
            client_name="breakout-streams",
        )
        async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.psubscribe(f"{SEATS}*")
            self._wake_everybody()
            while True:
                message = await subscription.get_message(timeout=5)
                if message is not None:
                    self._dirty.add(message["channel"].decode().removeprefix(SEATS))
                    self._woken.set()

    def _wake_everybody(self) -> None:
        self._everybody_at = 0.0
        self._woken.set()

    async def _read_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(ANYWAY_SECONDS):
                    await self._woken.wait()
            self._woken.clear()
            try:
                await self._look()
            except SQLAlchemyError as error:
                log.warning("can't read who should be told what", error=type(error).__name__)
                self._everybody_at = 0.0
                await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)

    async def _look(self) -> None:
        """Find out what is new for the meetings that were named, or every now and then for all."""
        dirty, self._dirty = self._dirty, set()
        if time.monotonic() >= self._everybody_at:
            self._everybody_at = time.monotonic() + ANYWAY_SECONDS
            dirty = set(self._by_meeting)
        meetings = dirty & self._by_meeting.keys()
        people = {listener.person.participant_id for meeting in meetings for listener in self._by_meeting[meeting]}
        if not people:
            return
        cursors = dict(self._cursors)
        found = await self.read(lambda: _whats_new(self.deps.database, people, meetings, cursors))
        self._spread(meetings, *found)

    def _spread(
        self, meetings: Collection[str], versions: Mapping[str, int], heads: list[Head], items: list[News]
    ) -> None:
        for item in items:
            for listener in self._by_meeting.get(item.meeting_id, ()):
                listener.news.append(item)
                listener.wake.set()
        for head in heads:
            if head.live:
                self._cursors[head.breakout_id] = head.number
            else:
                self._cursors.pop(head.breakout_id, None)
        for meeting in meetings:
            for listener in self._by_meeting.get(meeting, ()):
                listener.version = versions.get(listener.person.participant_id, listener.version)
                if listener.version > listener.sent:
                    listener.wake.set()


def _whats_new(
    database: Database, people: Collection[str], meetings: Collection[str], cursors: Mapping[str, int]
) -> tuple[dict[str, int], list[Head], list[News]]:
    """Versions of seats, how far the logs go, and what stands in them beyond the cursors: three queries at most."""
    with database.reading() as session:
        heads = news.heads(session, meetings, cursors)
        seen = {head.breakout_id: cursors.get(head.breakout_id, 0) for head in heads}
        items = news.after(
            session,
            {head.breakout_id: seen[head.breakout_id] for head in heads if head.number > seen[head.breakout_id]},
        )
        return seats.versions(session, list(people)), heads, items
