"""The open streams of meetings. One picture of each meeting is compared with the next, for all of its streams."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from orchestrator.api.callers import Caller
from orchestrator.api.crowd.readers import Readers
from orchestrator.api.streams.changed_ids import ChangedIds
from orchestrator.api.streams.sse import event
from orchestrator.errors import Unknown
from orchestrator.services.deps import Deps
from orchestrator.services.views.meeting_news import Picture, differences, picture

UNSENT_BYTES_MOST = 4_000_000
"""How much may wait for one stream: a meeting whose thousands of people all come at once."""


@dataclass(eq=False)
class MeetingListener:
    """One open stream of a meeting, and what waits to be sent on it."""

    meeting_id: str
    caller: Caller
    """Who opened the stream."""
    unsent: list[bytes] = field(default_factory=list)
    ended: bool = False
    """The key was revoked, the meeting is deleted, or too much waits; a reader connects again and reads."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, text: bytes) -> None:
        """Queue events."""
        self.unsent.append(text)
        if sum(map(len, self.unsent)) > UNSENT_BYTES_MOST:
            self.end()
        self.wake.set()

    def end(self) -> None:
        """Let the stream end."""
        self.ended = True
        self.wake.set()


class MeetingListeners:
    """Gives streams what is new in their meetings."""

    def __init__(self, deps: Deps, readers: Readers) -> None:
        self._database = deps.database
        self._readers = readers
        self._by_meeting: defaultdict[str, set[MeetingListener]] = defaultdict(set)
        self._pictures: dict[str, Picture] = {}
        self._reading = asyncio.Lock()
        self.reads = 0
        """How often pictures were compared."""
        self.changed_meetings = ChangedIds()

    def __len__(self) -> int:
        """Return the number of open streams."""
        return sum(map(len, self._by_meeting.values()))

    @property
    def callers(self) -> set[Caller]:
        """Those who have streams open."""
        return {listener.caller for listeners in self._by_meeting.values() for listener in listeners}

    async def add(self, meeting_id: str, caller: Caller) -> MeetingListener:
        """Register a stream, which from now on misses nothing. Raises Unknown."""
        listener = MeetingListener(meeting_id, caller)
        self._by_meeting[meeting_id].add(listener)
        try:
            async with self._reading:
                if meeting_id not in self._pictures:
                    self._pictures |= await self._readers.run(lambda: self._first(meeting_id))
        except BaseException:
            self.remove(listener)
            raise
        return listener

    def remove(self, listener: MeetingListener) -> None:
        """Forget a stream that has ended."""
        listeners = self._by_meeting[listener.meeting_id]
        listeners.discard(listener)
        if not listeners:
            del self._by_meeting[listener.meeting_id]
            self._pictures.pop(listener.meeting_id, None)

    def wake_all(self) -> None:
        """Wake all streams."""
        for listeners in self._by_meeting.values():
            for listener in listeners:
                listener.wake.set()

    def end_for(self, callers: Collection[Caller]) -> None:
        """Let the streams of these callers end."""
        for listeners in self._by_meeting.values():
            for listener in listeners:
                if listener.caller in callers:
                    listener.end()

    async def read(self, meeting_ids: set[str] | None) -> None:
        """Compare these meetings, or for None all, with their last pictures, and offer what is new to their streams."""
        async with self._reading:
            known = {
                meeting_id: before
                for meeting_id, before in self._pictures.items()
                if meeting_ids is None or meeting_id in meeting_ids
            }
            if not known:
                return
            self.reads += 1
            found = await self._readers.run(lambda: self._next(known))
            for meeting_id, (now, text) in found.items():
                self._offer(meeting_id, now, text)

    def _offer(self, meeting_id: str, now: Picture | None, text: bytes) -> None:
        listeners = self._by_meeting.get(meeting_id, set())
        if now is not None and listeners:
            self._pictures[meeting_id] = now
        else:
            self._pictures.pop(meeting_id, None)
        for listener in listeners:
            if text:
                listener.offer(text)
            if now is None:
                listener.end()

    def _first(self, meeting_id: str) -> dict[str, Picture]:
        with self._database.reading() as session:
            return {meeting_id: picture(session, meeting_id)}

    def _next(self, known: dict[str, Picture]) -> dict[str, tuple[Picture | None, bytes]]:
        """Return the next picture of each meeting, None of a deleted one, and the events on the way to it."""
        found: dict[str, tuple[Picture | None, bytes]] = {}
        for meeting_id, before in known.items():
            try:
                with self._database.reading() as session:
                    now = picture(session, meeting_id, before)
            except Unknown:
                found[meeting_id] = None, b""
                continue
            pieces = (
                event(name, None, data.model_dump_json(ensure_ascii=True)) for name, data in differences(before, now)
            )
            found[meeting_id] = now, b"".join(pieces)
        return found
