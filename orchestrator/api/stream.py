"""One seat stream: the present seat at once, then whatever is new.

It is registered first, then reads its beginning, then is told what is new: nothing falls between. What it is told is
told once, by the number that each event has in its breakout's log. No transaction is held over a stream.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from orchestrator.api.hub import Hub, Listener
from orchestrator.api.sse import HEADERS, KEEP_ALIVE, MEDIA_TYPE, Position, event
from orchestrator.api.tokens import Person
from orchestrator.log import logger
from orchestrator.services import news, seats
from orchestrator.services.deps import Deps
from orchestrator.services.news import News
from schemas.responses import SeatResponse

log = logger(__name__)

KEEP_ALIVE_SECONDS = 15.0


@dataclass(frozen=True)
class Beginning:
    """What a stream begins with: the seat, what a returning browser has missed, and how far the logs go."""

    seat: SeatResponse
    missed: list[News]
    cursors: dict[str, int]
    position: Position


class SeatStream(StreamingResponse):
    """The answer of `GET /v1/seat/events`."""

    def __init__(self, hub: Hub, listener: Listener, start: Beginning) -> None:
        super().__init__(self._events(start), headers=HEADERS, media_type=MEDIA_TYPE)
        self._hub = hub
        self._listener = listener
        self._cursors = start.cursors
        self._position = start.position

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the browser leaves, its token expires, or the process stops."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.remove(self._listener)

    async def _events(self, start: Beginning) -> AsyncIterator[bytes]:
        for item in start.missed:
            yield event(item.event, json.dumps(item.data), Position(item.breakout_id, item.number))
        yield self._seat(start.seat)
        while not self._is_over():
            if not await self._woken():
                yield KEEP_ALIVE
                continue
            for item in self._unseen():
                yield event(item.event, json.dumps(item.data), self._position)
            if self._listener.version > self._listener.sent and (seat := await self._newer_seat()):
                yield self._seat(seat)

    def _seat(self, seat: SeatResponse) -> bytes:
        self._listener.sent = seat.version
        return event("seat", seat.model_dump_json(), self._position)

    def _is_over(self) -> bool:
        return self._hub.ending or datetime.now(UTC) >= self._listener.person.until

    async def _woken(self) -> bool:
        """Whether there may be something to say; False when it is time for a sign of life."""
        left = (self._listener.person.until - datetime.now(UTC)).total_seconds()
        try:
            async with asyncio.timeout(min(KEEP_ALIVE_SECONDS, left)):
                await self._listener.wake.wait()
        except TimeoutError:
            return False
        self._listener.wake.clear()
        return True

    def _unseen(self) -> list[News]:
        """News that this stream has not begun with, nor been told of before."""
        found = []
        while self._listener.news:
            item = self._listener.news.popleft()
            if item.number > self._cursors.get(item.breakout_id, 0):
                self._cursors[item.breakout_id] = item.number
                self._position = Position(item.breakout_id, item.number)
                found.append(item)
        return found

    async def _newer_seat(self) -> SeatResponse | None:
        """The seat if it is another than the one sent last; while the database is away the hub will wake us again."""
        try:
            seat = await self._hub.read(lambda: seats.seat(self._hub.deps, self._listener.person.participant_id))
        except SQLAlchemyError as error:
            log.warning("a seat was not read", error=type(error).__name__)
            return None
        return seat if seat.version != self._listener.sent else None


async def open_stream(hub: Hub, person: Person, last_event_id: str | None) -> SeatStream:
    """A stream for one browser. Raises Unknown for a person that we don't have."""
    listener = hub.add(person)
    try:
        start = await hub.read(lambda: begin(hub.deps, person, Position.parse(last_event_id)))
    except BaseException:
        hub.remove(listener)
        raise
    return SeatStream(hub, listener, start)


def begin(deps: Deps, person: Person, last: Position | None) -> Beginning:
    """Read what a stream begins with; what it has missed since `last`, nothing for a browser that is new."""
    with deps.database.reading() as session:
        heads = news.heads(session, [person.meeting_id], [last.breakout_id] if last else [])
        cursors = {head.breakout_id: head.number for head in heads}
        seen = {key: last.number if key == last.breakout_id else 0 for key in cursors} if last else {}
        missed = news.after(session, seen)
    for item in missed:
        cursors[item.breakout_id] = max(item.number, cursors[item.breakout_id])
    live = [Position(head.breakout_id, cursors[head.breakout_id]) for head in heads if head.live]
    position = live[0] if live else last or Position()
    return Beginning(seats.seat(deps, person.participant_id), missed, cursors, position)
