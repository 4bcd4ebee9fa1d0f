"""One seat stream: the current seat at once, then whatever is new.

The order matters, so that a stream misses nothing:
1. It registers as a listener.
2. It reads its start: the seat, what a returning browser has missed, and how far the logs go.
3. It sends what the listener receives. The number of an event in its breakout's log tells what was sent already.

No transaction spans a stream.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from orchestrator.api.crowd.position import Position
from orchestrator.api.crowd.starts import Asked, Start
from orchestrator.api.streams.hub import Hub
from orchestrator.api.streams.seat_listener import SeatListener
from orchestrator.api.streams.sse import KEEP_ALIVE, comment, event
from orchestrator.api.streams.streaming import KEEP_ALIVE_SECONDS, LiveStream, woken
from orchestrator.api.tokens import ClientToken
from orchestrator.services.views.news import News

EXPIRED = comment("the client token has expired")
TAKEN_BACK = comment("the client token was taken back")


async def open_seat_stream(hub: Hub, token: ClientToken, last_event_id: str | None) -> LiveStream:
    """Open a stream for one browser. Raises Unknown for an unknown participant."""
    listener = hub.seats.add(token)
    try:
        last = Position.parse(last_event_id)
        start = await hub.desk.begin(Asked(token.participant_id, token.meeting_id, last))
    except BaseException:
        hub.seats.remove(listener)
        raise
    listener.begin(start.seat, start.cursors)
    return LiveStream(_events(hub, listener, start), lambda: hub.seats.remove(listener))


async def _events(hub: Hub, listener: SeatListener, start: Start) -> AsyncIterator[bytes]:
    """Yield all that is new in one piece, or a keep-alive, until the token expires or the process stops."""
    text, position = _take(listener, start.missed, start.position)
    while not hub.ending:
        yield text
        await woken(listener.wake, min(KEEP_ALIVE_SECONDS, _seconds_left(listener.token)))
        if listener.is_ended or _seconds_left(listener.token) <= 0:
            yield TAKEN_BACK if listener.is_ended else EXPIRED
            return
        if listener.too_slow:
            return
        text, position = _take(listener, [], position)


def _take(listener: SeatListener, missed: list[News], position: Position) -> tuple[bytes, Position]:
    """Take what waits for the stream, as events. Returns it with the position after it."""
    pieces = []
    for item in [*missed, *listener.news]:
        position = Position(item.breakout_id, item.number)
        pieces.append(event(item.event, position, item.text))
    listener.news = []
    if (seat := listener.take_seat()) is not None:
        position = position.in_log_of(seat.breakout_id)
        pieces.append(event("seat", position, seat.text))
    return b"".join(pieces) or KEEP_ALIVE, position


def _seconds_left(token: ClientToken) -> float:
    return (token.expires_at - datetime.now(UTC)).total_seconds()
