"""The open seat streams. What is new is read for all of them together, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from orchestrator.api.crowd.desk import SEATS_MOST, Desk
from orchestrator.api.crowd.shown import ShownSeat
from orchestrator.api.streams.changed_ids import ChangedIds
from orchestrator.api.streams.seat_listener import SeatListener
from orchestrator.api.tokens import ClientToken
from orchestrator.services.deps import Deps
from orchestrator.services.people import seats
from orchestrator.services.people.seats import Latest
from orchestrator.services.views import news
from orchestrator.services.views.news import Head, News


class SeatListeners:
    """Gives streams the new seats of changed meetings, and the news in the logs of changed breakouts."""

    def __init__(self, deps: Deps, desk: Desk) -> None:
        self._database = deps.database
        self._desk = desk
        self._readers = desk.readers
        self._by_meeting: defaultdict[str, set[SeatListener]] = defaultdict(set)
        self._cursors: dict[str, int] = {}
        self.changed_meetings = ChangedIds()
        self.changed_breakouts = ChangedIds()

    def __len__(self) -> int:
        """Return the number of open streams."""
        return sum(map(len, self._by_meeting.values()))

    def add(self, token: ClientToken) -> SeatListener:
        """Register a stream; from now on it misses nothing."""
        listener = SeatListener(token)
        self._by_meeting[token.meeting_id].add(listener)
        return listener

    def remove(self, listener: SeatListener) -> None:
        """Forget a stream that has ended."""
        listeners = self._by_meeting[listener.token.meeting_id]
        listeners.discard(listener)
        if not listeners:
            del self._by_meeting[listener.token.meeting_id]

    def listing(self) -> dict[SeatListener, ShownSeat]:
        """Return the streams whose newest seat lists rooms, with that seat."""
        every = (listener for listeners in self._by_meeting.values() for listener in listeners)
        return {listener: listener.listing for listener in every if listener.listing}

    def wake_all(self) -> None:
        """Wake all streams."""
        for listeners in self._by_meeting.values():
            for listener in listeners:
                listener.wake.set()

    async def read_seats(self, meeting_ids: set[str] | None) -> None:
        """Read the seats whose version has risen, in these meetings or for None in all, and offer them to streams.

        Streams whose token was taken back, or whose person is gone, end.
        """
        followed = set(self._by_meeting) if meeting_ids is None else meeting_ids & self._by_meeting.keys()
        if not followed:
            return
        if meeting_ids is None:
            await self._desk.ask_for_ending(self._listening())
        latest = await self._readers.run(lambda: self._latest(followed))
        behind = []
        for listener in [it for meeting_id in followed for it in self._by_meeting.get(meeting_id, ())]:
            of_person = latest.get(listener.token.participant_id)
            if of_person is None or of_person.token_number != listener.token.number:
                listener.end()
            elif of_person.version > listener.version:
                behind.append(listener)
        for begin in range(0, len(behind), SEATS_MOST):
            await self._offer_seats(behind[begin : begin + SEATS_MOST])

    def _listening(self) -> dict[str, set[str]]:
        """Return the people who have a stream, by meeting."""
        return {
            meeting_id: {listener.token.participant_id for listener in listeners}
            for meeting_id, listeners in self._by_meeting.items()
        }

    async def _offer_seats(self, listeners: list[SeatListener]) -> None:
        found = await self._desk.seats({listener.token.participant_id for listener in listeners})
        for listener in listeners:
            if seat := found.get(listener.token.participant_id):
                listener.offer_seat(seat)

    async def read_logs(self, breakout_ids: set[str] | None) -> None:
        """Read what is new in these breakouts' logs, or for None in all, and offer it to the meetings' streams."""
        followed, cursors = set(self._by_meeting), self._cursors
        if not followed:
            return
        heads, items = await self._readers.run(lambda: self._news(followed, cursors, breakout_ids))
        for item in items:
            for listener in self._by_meeting.get(item.meeting_id, ()):
                listener.offer_news(item)
        read = {head.breakout_id for head in heads}
        kept = {} if breakout_ids is None else {key: number for key, number in cursors.items() if key not in read}
        self._cursors = kept | {head.breakout_id: head.number for head in heads if head.live}

    def _latest(self, meeting_ids: Collection[str]) -> dict[str, Latest]:
        with self._database.glancing() as session:
            return seats.latest(session, meeting_ids)

    def _news(
        self, meeting_ids: Collection[str], cursors: Mapping[str, int], breakout_ids: Collection[str] | None
    ) -> tuple[list[Head], list[News]]:
        with self._database.reading() as session:
            heads = news.heads(session, meeting_ids, cursors, only=breakout_ids)
            seen = {head.breakout_id: cursors.get(head.breakout_id, 0) for head in heads}
            grown = {head.breakout_id for head in heads if head.number > seen[head.breakout_id]}
            return heads, news.after(session, {breakout_id: seen[breakout_id] for breakout_id in grown})
