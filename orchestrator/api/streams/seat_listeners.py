"""Who follows their seats: what is new for whom is read for all of them together, in a constant number of queries."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping

from orchestrator.api.streams.readers import Readers
from orchestrator.api.streams.wakes import Wakes
from orchestrator.api.tokens import Person
from orchestrator.services.deps import Deps
from orchestrator.services.people import seats
from orchestrator.services.views import news
from orchestrator.services.views.news import Head, News
from schemas.responses import SeatResponse

BATCH = 250
"""Seats read at once; the first of a large crowd need not wait for the last."""
MOST_NEWS = 100
"""Of one stream, unsent."""


class SeatListener:
    """One open stream, and what it has not yet been told."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.wake = asyncio.Event()
        self.news: list[News] = []
        self.seat: SeatResponse | None = None
        """The newest one, until it is sent."""
        self.version = -1
        """The newest version that was read for it."""
        self._cursors: dict[str, int] | None = None

    def begin(self, seat: SeatResponse, cursors: dict[str, int]) -> None:
        """The stream has read its beginning: what stands in the logs up to these numbers is not news to it."""
        waiting, self.news, self._cursors = self.news, [], cursors
        for item in waiting:
            self.tell(item)
        self.give(seat)

    @property
    def too_slow(self) -> bool:
        """Whether so much waits that the browser had better come back, and then be told what it has missed."""
        return self._cursors is not None and len(self.news) > MOST_NEWS

    def tell(self, item: News) -> None:
        """Have its stream send this if it concerns the person, and was not told before."""
        if self.too_slow or not item.concerns(self.person.participant_id):
            return
        if self._cursors is not None:
            if item.number <= self._cursors.get(item.breakout_id, 0):
                return
            self._cursors[item.breakout_id] = item.number
        self.news.append(item)
        self.wake.set()

    def give(self, seat: SeatResponse) -> None:
        """Have its stream send this seat, unless it knows a newer one."""
        if seat.version > self.version:
            self.version, self.seat = seat.version, seat
            self.wake.set()


class SeatListeners:
    """Finds out what is new for streams: of meetings whose seats have changed, of breakouts whose logs have grown."""

    def __init__(self, deps: Deps, readers: Readers) -> None:
        self.deps = deps
        self.readers = readers
        self._by_meeting: defaultdict[str, set[SeatListener]] = defaultdict(set)
        self._cursors: dict[str, int] = {}
        self.changed_seats = Wakes()
        self.grown_logs = Wakes()

    def __len__(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._by_meeting.values()))

    def add(self, person: Person) -> SeatListener:
        """Register a stream; from now on it misses nothing."""
        listener = SeatListener(person)
        self._by_meeting[person.meeting_id].add(listener)
        return listener

    def remove(self, listener: SeatListener) -> None:
        """Forget a stream that has ended."""
        listeners = self._by_meeting[listener.person.meeting_id]
        listeners.discard(listener)
        if not listeners:
            del self._by_meeting[listener.person.meeting_id]

    def wake_everybody(self) -> None:
        """Have all streams look around."""
        for listeners in self._by_meeting.values():
            for listener in listeners:
                listener.wake.set()

    async def look_at_seats(self, named: set[str] | None) -> None:
        """Give those of these meetings whose seat's version has risen their new seat."""
        meetings = set(self._by_meeting) if named is None else named & self._by_meeting.keys()
        if not meetings:
            return
        versions = await self.readers.run(lambda: self._versions(meetings))
        behind = [
            listener
            for meeting in meetings
            for listener in self._by_meeting.get(meeting, ())
            if versions.get(listener.person.participant_id, -1) > listener.version
        ]
        for begin in range(0, len(behind), BATCH):
            await self._give_seats(behind[begin : begin + BATCH])

    async def _give_seats(self, listeners: list[SeatListener]) -> None:
        people = {listener.person.participant_id for listener in listeners}
        found = await self.readers.run(lambda: seats.seats(self.deps, people))
        for listener in listeners:
            if seat := found.get(listener.person.participant_id):
                listener.give(seat)

    async def look_at_logs(self, named: set[str] | None) -> None:
        """Tell everybody whom it concerns what these breakouts' logs have for them beyond what was told before."""
        meetings, cursors = set(self._by_meeting), self._cursors
        if not meetings:
            return
        heads, items = await self.readers.run(lambda: self._news(meetings, cursors, named))
        for item in items:
            for listener in self._by_meeting.get(item.meeting_id, ()):
                listener.tell(item)
        looked_at = {head.breakout_id for head in heads}
        kept = {} if named is None else {key: number for key, number in cursors.items() if key not in looked_at}
        self._cursors = kept | {head.breakout_id: head.number for head in heads if head.live}

    def _versions(self, meetings: Collection[str]) -> dict[str, int]:
        with self.deps.database.reading() as session:
            return seats.versions(session, meetings)

    def _news(
        self, meetings: Collection[str], cursors: Mapping[str, int], named: Collection[str] | None
    ) -> tuple[list[Head], list[News]]:
        with self.deps.database.reading() as session:
            heads = news.heads(session, meetings, cursors, only=named)
            seen = {head.breakout_id: cursors.get(head.breakout_id, 0) for head in heads}
            grown = {head.breakout_id for head in heads if head.number > seen[head.breakout_id]}
            return heads, news.after(session, {breakout_id: seen[breakout_id] for breakout_id in grown})
