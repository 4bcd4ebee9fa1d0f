"""One open seat stream, and what waits to be sent on it."""

import asyncio
import math
import time
from dataclasses import replace

from orchestrator.api.crowd.shown import ShownRooms, ShownSeat
from orchestrator.api.tokens import ClientToken
from orchestrator.services.views.news import News

MAX_UNSENT_NEWS = 100
"""How many events may wait for one stream."""
COUNTS_APART_SECONDS = 1.0
"""How long after a seat the stream sends the same one with other counts at the soonest."""


class SeatListener:
    """The news and the seat that one stream has not sent yet."""

    def __init__(self, token: ClientToken) -> None:
        self.token = token
        self.wake = asyncio.Event()
        self.news: list[News] = []
        self.seat: ShownSeat | None = None
        """The newest seat, until it is sent."""
        self.listing: ShownSeat | None = None
        """The newest seat, also after it was sent, if it lists rooms."""
        self._sent_at = -math.inf
        self.is_ended = False
        """Whether the token was taken back, or its person is gone."""
        self.version = -1
        """The version of the newest seat that was offered."""
        self._cursors: dict[str, int] | None = None
        """How far the stream knows each breakout's log; None until it has read its start."""

    def end(self) -> None:
        """Let the stream end."""
        self.is_ended = True
        self.wake.set()

    def begin(self, seat: ShownSeat, cursors: dict[str, int]) -> None:
        """Take what the stream has read as its start; events up to these numbers are not news to it."""
        waiting, self.news, self._cursors = self.news, [], cursors
        for item in waiting:
            self.offer_news(item)
        self.offer_seat(seat)

    @property
    def too_slow(self) -> bool:
        """Whether so much waits that the stream should end; the browser reconnects and reads what it missed."""
        return self._cursors is not None and len(self.news) > MAX_UNSENT_NEWS

    def offer_news(self, item: News) -> None:
        """Queue an event if it concerns the participant and is new to the stream."""
        if self.too_slow or not item.concerns(self.token.participant_id):
            return
        if self._cursors is not None:
            if item.number <= self._cursors.get(item.breakout_id, 0):
                return
            self._cursors[item.breakout_id] = item.number
        self.news.append(item)
        self.wake.set()

    def offer_seat(self, seat: ShownSeat) -> None:
        """Queue a seat unless a newer one was offered before."""
        if seat.version > self.version:
            self.version, self.seat = seat.version, seat
            self.listing = seat if seat.rooms else None
            self.wake.set()

    def may_have_counts(self, now: float) -> bool:
        """Return whether other counts would not come too soon after the last seat, by the monotonic clock."""
        return self.seat is not None or now >= self._sent_at + COUNTS_APART_SECONDS

    def offer_counts(self, seat: ShownSeat, rooms: ShownRooms) -> None:
        """Queue this seat with other counts, unless another seat was offered since the counts were asked for."""
        if self.listing is seat:
            self.seat = self.listing = replace(seat, rooms=rooms)
            self.wake.set()

    def take_seat(self) -> ShownSeat | None:
        """Return the seat that waits to be sent, which it is now."""
        seat, self.seat = self.seat, None
        if seat is not None:
            self._sent_at = time.monotonic()
        return seat
