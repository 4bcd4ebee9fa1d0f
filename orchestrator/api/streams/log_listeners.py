"""The open streams of breakouts' logs. Each has its own cursor, so nothing is buffered here for a slow reader."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from orchestrator.api.callers import Caller
from orchestrator.api.crowd.readers import Readers
from orchestrator.api.streams.changed_ids import ChangedIds
from orchestrator.api.streams.sse import event
from orchestrator.services.deps import Deps
from orchestrator.services.views import event_log

EVENTS_PER_READ = 200
"""A larger read would keep the seat streams waiting for a thread."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive events of a log, as they are sent."""

    text: bytes
    last: int
    """The number of the last event."""
    full: bool
    """Whether more events may follow."""


@dataclass(eq=False)
class LogListener:
    """One open stream of a log, and how far it has read."""

    breakout_id: str
    caller: Caller
    """Who opened the stream."""
    cursor: int = 0
    is_gone: bool = False
    """The breakout was deleted with its meeting."""
    key_invalid: bool = False
    """The caller's key or token has ended since."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class LogListeners:
    """Wakes the streams whose log has grown. Streams read it themselves; those at the same number share a read."""

    def __init__(self, deps: Deps, readers: Readers) -> None:
        self._database = deps.database
        self._readers = readers
        self._by_breakout: defaultdict[str, set[LogListener]] = defaultdict(set)
        self._reads: dict[tuple[str, int], asyncio.Task[Chunk]] = {}
        self.changed_breakouts = ChangedIds()

    def __len__(self) -> int:
        """Return the number of open streams."""
        return sum(map(len, self._by_breakout.values()))

    def of(self, breakout_id: str) -> Collection[LogListener]:
        """Return the streams of this log."""
        return self._by_breakout.get(breakout_id, ())

    @property
    def callers(self) -> set[Caller]:
        """Those who have streams open."""
        return {listener.caller for listeners in self._by_breakout.values() for listener in listeners}

    def add(self, breakout_id: str, caller: Caller) -> LogListener:
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

    def wake_all(self) -> None:
        """Wake all streams."""
        for listeners in self._by_breakout.values():
            for listener in listeners:
                listener.wake.set()

    def end_for(self, callers: Collection[Caller]) -> None:
        """Let the streams of these callers end."""
        for listeners in self._by_breakout.values():
            for listener in listeners:
                if listener.caller in callers:
                    listener.key_invalid = True
                    listener.wake.set()

    async def head(self, breakout_id: str) -> int:
        """Return the number of a log's last event. Raises Unknown."""

        def read() -> int:
            with self._database.reading() as session:
                return event_log.head(session, breakout_id)

        return await self._readers.run(read)

    async def after(self, breakout_id: str, number: int) -> Chunk:
        """Read the next events after `number`, at most EVENTS_PER_READ."""
        key = (breakout_id, number)
        if key not in self._reads:
            self._reads[key] = asyncio.create_task(self._read(key))
        return await asyncio.shield(self._reads[key])

    async def _read(self, key: tuple[str, int]) -> Chunk:
        del self._reads[key]  # a stream that asks from now on may expect an event that this read won't see
        return await self._readers.run(lambda: self._after(*key))

    async def read_heads(self, breakout_ids: set[str] | None) -> None:
        """Wake the streams that are behind the end of one of these logs, or of any log for None."""
        followed = set(self._by_breakout) if breakout_ids is None else breakout_ids & self._by_breakout.keys()
        if not followed:
            return
        heads = await self._readers.run(lambda: self._heads(followed))
        for breakout_id in followed:
            for listener in self.of(breakout_id):
                listener.is_gone = breakout_id not in heads
                if listener.is_gone or listener.cursor < heads[breakout_id]:
                    listener.wake.set()

    def _heads(self, breakout_ids: Collection[str]) -> dict[str, int]:
        with self._database.reading() as session:
            return event_log.heads(session, breakout_ids)

    def _after(self, breakout_id: str, number: int) -> Chunk:
        with self._database.reading() as session:
            found = event_log.after(session, breakout_id, number, EVENTS_PER_READ)
        text = b"".join(event(one.type, one.id, one.model_dump_json(ensure_ascii=True)) for one in found)
        return Chunk(text, last=found[-1].id if found else number, full=len(found) == EVENTS_PER_READ)
