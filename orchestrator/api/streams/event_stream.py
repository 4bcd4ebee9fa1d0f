"""One stream of a breakout's log: all of it, or what follows the number seen last, and then whatever is new.

It is registered first and then reads from its cursor, a chunk at a time, as fast as its reader takes it: what is not
sent yet waits in the database. No transaction is held over a stream.
"""

import re
from collections.abc import AsyncIterator

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.api.streams.hub import Hub
from orchestrator.api.streams.log_listeners import Chunk, LogListener
from orchestrator.api.streams.sse import KEEP_ALIVE, comment
from orchestrator.api.streams.streaming import LiveStream, woken
from orchestrator.log import logger

log = logger(__name__)

NUMBER = re.compile(r"[1-9][0-9]{0,8}")
REFUSED = comment("this API key is no longer good")


async def open_event_stream(hub: Hub, breakout_id: str, caller: str, last_event_id: str | None) -> LiveStream:
    """A stream for whoever has the API key with this hash. Raises Unknown for a breakout that we don't have."""
    listener = hub.logs.add(breakout_id, caller)
    try:
        head = await hub.logs.head(breakout_id)
    except BaseException:
        hub.logs.remove(listener)
        raise
    listener.cursor = _seen(last_event_id, head)
    return LiveStream(_events(hub, listener), lambda: hub.logs.remove(listener))


def _seen(last_event_id: str | None, head: int) -> int:
    """What the reader says it has seen; nothing when that can't be."""
    number = int(last_event_id) if last_event_id and NUMBER.fullmatch(last_event_id) else 0
    return number if number <= head else 0


async def _events(hub: Hub, listener: LogListener) -> AsyncIterator[bytes]:
    while not (hub.ending or listener.refused):
        chunk = await _next(hub, listener)
        if chunk and chunk.text:
            listener.cursor = chunk.last
            yield chunk.text
        if chunk and chunk.full:
            continue
        while not await woken(listener.wake):
            yield KEEP_ALIVE
    if listener.refused:
        yield REFUSED


async def _next(hub: Hub, listener: LogListener) -> Chunk | None:
    """What follows the cursor; None while the database is away, and then the hub will wake us."""
    try:
        return await hub.logs.after(listener.breakout_id, listener.cursor)
    except SQLAlchemyError as error:
        log.warning("a log was not read", error=type(error).__name__)
        return None
