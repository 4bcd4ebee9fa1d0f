"""One seat stream: the present seat at once, then whatever is new.

It is registered first, then reads its beginning, then is told what is new: nothing falls between. What it is told is
told once, by the number that each event has in its breakout's log. No transaction is held over a stream.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.api.streams.hub import Hub
from orchestrator.api.streams.seat_listeners import SeatListener
from orchestrator.api.streams.sse import KEEP_ALIVE, Position, comment, event
from orchestrator.api.streams.streaming import KEEP_ALIVE_SECONDS, LiveStream, woken
from orchestrator.api.tokens import Person
from orchestrator.services.deps import Deps
from orchestrator.services.people import seats
from orchestrator.services.views import news
from orchestrator.services.views.news import News
from schemas.responses import SeatResponse

EXPIRED = comment("the client token has expired")


@dataclass(frozen=True)
class Beginning:
    """What a stream begins with: the seat, what a returning browser has missed, and how far the logs go."""

    seat: SeatResponse
    missed: list[News]
    cursors: dict[str, int]
    position: Position


async def open_seat_stream(hub: Hub, person: Person, last_event_id: str | None) -> LiveStream:
    """A stream for one browser. Raises Unknown for a person that we don't have."""
    listener = hub.seats.add(person)
    try:
        last = Position.parse(last_event_id)
        start = await hub.seats.readers.run(lambda: begin(hub.seats.deps, person, last))
    except BaseException:
        hub.seats.remove(listener)
        raise
    listener.begin(start.seat, start.cursors)
    return LiveStream(_events(hub, listener, start), lambda: hub.seats.remove(listener))


def begin(deps: Deps, person: Person, last: Position | None) -> Beginning:
    """Read what a stream begins with; what it has missed since `last`, nothing for a browser that is new."""
    with deps.database.reading() as session:
        heads = news.heads(session, [person.meeting_id], [last.breakout_id] if last else [])
        cursors = {head.breakout_id: head.number for head in heads}
        seen = {key: last.number if key == last.breakout_id else 0 for key in cursors} if last else {}
        missed = [item for item in news.after(session, seen) if item.concerns(person.participant_id)]
    for item in missed:
        cursors[item.breakout_id] = max(item.number, cursors[item.breakout_id])
    live = [Position(head.breakout_id, cursors[head.breakout_id]) for head in heads if head.live]
    position = live[0] if live else last or Position()
    return Beginning(seats.seat(deps, person.participant_id), missed, cursors, position)


async def _events(hub: Hub, listener: SeatListener, start: Beginning) -> AsyncIterator[bytes]:
    """One piece for all that is new at once, or a sign of life; until the token expires or the process stops."""
    text, position = _say(listener, start.missed, start.position)
    while not hub.ending:
        yield text
        await woken(listener.wake, min(KEEP_ALIVE_SECONDS, _seconds_left(listener.person)))
        if _seconds_left(listener.person) <= 0:
            yield EXPIRED
            return
        if listener.too_slow:
            return
        text, position = _say(listener, [], position)


def _say(listener: SeatListener, missed: list[News], position: Position) -> tuple[bytes, Position]:
    """All that the stream has to say now, and how much of the logs it has then told."""
    pieces = []
    for item in [*missed, *listener.news]:
        position = Position(item.breakout_id, item.number)
        pieces.append(event(item.event, position, item.data))
    if listener.seat is not None:
        pieces.append(event("seat", position, listener.seat))
    listener.news, listener.seat = [], None
    return b"".join(pieces) or KEEP_ALIVE, position


def _seconds_left(person: Person) -> float:
    return (person.until - datetime.now(UTC)).total_seconds()
