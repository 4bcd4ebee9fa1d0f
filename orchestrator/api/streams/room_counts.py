"""Counts of people in the rooms that they may choose, for the streams whose seats list these rooms.

Counts raise no version, because each choice would then make a new seat for everybody. So they are read apart from
seats, for all streams together, and put into the seat that a stream has sent.
"""

import asyncio
import time
from collections.abc import Collection, Mapping

from orchestrator.api.crowd.desk import SEATS_MOST
from orchestrator.api.crowd.readers import Readers
from orchestrator.api.crowd.shown import ShownRooms, ShownSeat
from orchestrator.api.streams.changed_ids import ChangedIds
from orchestrator.api.streams.pace import Pace
from orchestrator.api.streams.seat_listener import SeatListener
from orchestrator.api.streams.seat_listeners import SeatListeners
from orchestrator.services.deps import Deps
from orchestrator.services.people import seats

WAIT_SECONDS = 0.05
"""How often a look that waits asks whether it may begin."""
PAUSE_SECONDS = 0.01
"""The pause in which others are served while many streams are given counts."""


class RoomCounts:
    """Gives streams the same seat again when its counts have changed."""

    def __init__(self, deps: Deps, readers: Readers, listeners: SeatListeners) -> None:
        self._database = deps.database
        self._readers = readers
        self._listeners = listeners
        self._pace = Pace()
        self.changed_meetings = ChangedIds()

    async def look(self, _: set[str] | None) -> None:
        """Read the counts of all breakouts whose rooms a stream shows, in one statement, and offer what has changed.

        It waits while seats are behind, and its pause grows with what it costs.
        """
        if self._listeners.listing():
            while not self._pace.may_look(time.monotonic(), is_behind=self._is_behind):  # noqa: ASYNC110 - time passes
                await asyncio.sleep(WAIT_SECONDS)
        begun = time.monotonic()
        if listing := self._listeners.listing():
            await self._offer(await self._changed(listing))
        self._pace.looked(begun, time.monotonic())

    @property
    def _is_behind(self) -> bool:
        return self._readers.are_behind or self._listeners.changed_meetings.is_reading

    async def _changed(
        self, listing: Mapping[SeatListener, ShownSeat]
    ) -> list[tuple[SeatListener, ShownSeat, ShownRooms]]:
        """Return the streams that may be given other counts, with their seats and the rooms as they are now."""
        shown = {id(seat.rooms): seat.rooms for seat in listing.values() if seat.rooms}
        present = await self._readers.run(lambda: self._read({rooms.breakout_id for rooms in shown.values()}))
        news = {
            key: present[rooms.breakout_id]
            for key, rooms in shown.items()
            if present[rooms.breakout_id].has_other_counts_than(rooms)
        }
        now = time.monotonic()
        return [
            (listener, seat, news[id(seat.rooms)])
            for listener, seat in listing.items()
            if id(seat.rooms) in news and listener.may_have_counts(now)
        ]

    async def _offer(self, changed: list[tuple[SeatListener, ShownSeat, ShownRooms]]) -> None:
        for begin in range(0, len(changed), SEATS_MOST):
            for listener, seat, rooms in changed[begin : begin + SEATS_MOST]:
                listener.offer_counts(seat, rooms)
            await asyncio.sleep(PAUSE_SECONDS)

    def _read(self, breakout_ids: Collection[str]) -> dict[str, ShownRooms]:
        with self._database.glancing() as session:
            found = seats.choices(session, breakout_ids)
        return {breakout_id: ShownRooms.of(breakout_id, rooms) for breakout_id, rooms in found.items()}
