"""Who follows the logs of breakouts: each by its own cursor, so that a slow reader piles up nothing here."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from orchestrator.api.streams.readers import Readers
from orchestrator.api.streams.sse import event
from orchestrator.api.streams.wakes import Wakes
from orchestrator.services.deps import Deps
from orchestrator.services.views import event_log

CHUNK = 200
"""Events read at once; more would keep the seat streams waiting."""


@dataclass(frozen=True)
class Chunk:
    """A piece of a log as it is sent."""

    text: bytes
    last: int
    full: bool
    """There may be more."""


@dataclass(eq=False)
class LogListener:
    """One open stream of a log, and how far it has read."""

    breakout_id: str
    caller: str
    """The hash of the API key that it was opened with."""
    cursor: int = 0
    refused: bool = False
    """That key is no longer good."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class LogListeners:
    """Wakes those whose log has grown; they read it themselves, together where they stand at the same number."""

    def __init__(self, deps: Deps, readers: Readers) -> None:
        self._database = deps.database
        self._readers = readers
        self._by_breakout: defaultdict[str, set[LogListener]] = defaultdict(set)
        self._reads: dict[tuple[str, int], asyncio.Task[Chunk]] = {}
        self.grown = Wakes()

    def __len__(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._by_breakout.values()))

    def of(self, breakout_id: str) -> Collection[LogListener]:
        """Who follows this log."""
        return self._by_breakout.get(breakout_id, ())

    @property
    def callers(self) -> set[str]:
        """Whose streams are open: the hashes of API keys."""
        return {listener.caller for listeners in self._by_breakout.values() for listener in listeners}

    def add(self, breakout_id: str, caller: str) -> LogListener:
        """Register a stream; from now on it misses nothing."""
        listener = LogListener(breakout_id, caller)
        self._by_breakout[breakout_id].add(listener)
        return listener

    def remove(self, listener: LogListener) -> None:
        """Forget a stream that has ended."""
        listeners = self._by_breakout[listener.breakout_id]
        listeners.discard(listener)
        if not listeners:
            del self._by_breakout[listener.breakout_id]

    def wake_everybody(self) -> None:
        """Have all streams look around."""
        for listeners in self._by_breakout.values():
            for listener in listeners:
                listener.wake.set()

    def end_for(self, callers: Collection[str]) -> None:
        """Have the streams of these callers end."""
        for listeners in self._by_breakout.values():
            for listener in listeners:
                if listener.caller in callers:
                    listener.refused = True
                    listener.wake.set()

    async def head(self, breakout_id: str) -> int:
        """The number of a log's last event. Raises Unknown."""

        def read() -> int:
            with self._database.reading() as session:
                return event_log.head(session, breakout_id)

        return await self._readers.run(read)

    async def after(self, breakout_id: str, number: int) -> Chunk:
        """The events that follow `number`, as far as the log goes now, CHUNK of them at most."""
        key = (breakout_id, number)
        if key not in self._reads:
            self._reads[key] = asyncio.create_task(self._read(key))
        return await asyncio.shield(self._reads[key])

    async def _read(self, key: tuple[str, int]) -> Chunk:
        del self._reads[key]  # who comes now may know of something that this read won't see
        return await self._readers.run(lambda: self._after(*key))

    async def look(self, named: set[str] | None) -> None:
        """Wake whoever is behind in one of these logs."""
        watched = set(self._by_breakout) if named is None else named & self._by_breakout.keys()
        if not watched:
            return
        for breakout_id, number in (await self._readers.run(lambda: self._heads(watched))).items():
            for listener in self.of(breakout_id):
                if listener.cursor < number:
                    listener.wake.set()

    def _heads(self, breakout_ids: Collection[str]) -> dict[str, int]:
        with self._database.reading() as session:
            return event_log.heads(session, breakout_ids)

    def _after(self, breakout_id: str, number: int) -> Chunk:
        with self._database.reading() as session:
            found = event_log.after(session, breakout_id, number, CHUNK)
        text = b"".join(event(one.type, one.id, one) for one in found)
        return Chunk(text, last=found[-1].id if found else number, full=len(found) == CHUNK)
