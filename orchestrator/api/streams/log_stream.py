"""One stream of a breakout's log: all of it, or what follows the number seen last, and then every new event.

The stream first registers as a listener and then reads from its cursor, so it misses nothing. It reads one chunk at a
time, as fast as its reader takes them; events that are not sent yet wait in the database. No transaction spans reads.
"""

import re
from collections.abc import AsyncIterator

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.api.callers import Caller
from orchestrator.api.streams.hub import Hub
from orchestrator.api.streams.log_listeners import Chunk, LogListener
from orchestrator.api.streams.sse import KEEP_ALIVE, comment
from orchestrator.api.streams.streaming import LiveStream, woken
from orchestrator.log import logger

log = logger(__name__)

NUMBER = re.compile(r"[1-9][0-9]{0,8}")
KEY_INVALID = comment("this API key or client token is no longer good")


async def open_log_stream(hub: Hub, breakout_id: str, caller: Caller, last_event_id: str | None) -> LiveStream:
    """Open a stream for a caller. Raises Unknown for an unknown breakout."""
    listener = hub.logs.add(breakout_id, caller)
    try:
        head = await hub.logs.head(breakout_id)
    except BaseException:
        hub.logs.remove(listener)
        raise
    listener.cursor = _cursor(last_event_id, head)
    return LiveStream(_events(hub, listener), lambda: hub.logs.remove(listener))


def _cursor(last_event_id: str | None, head: int) -> int:
    """Return the number of the last event seen; 0 if the header is missing, malformed or beyond the log's end."""
    number = int(last_event_id) if last_event_id and NUMBER.fullmatch(last_event_id) else 0
    return number if number <= head else 0


async def _events(hub: Hub, listener: LogListener) -> AsyncIterator[bytes]:
    while not (hub.ending or listener.key_invalid or listener.is_gone):
        chunk = await _next(hub, listener)
        if chunk and chunk.text:
            listener.cursor = chunk.last
            yield chunk.text
        if chunk and chunk.full:
            continue
        while not await woken(listener.wake):
            yield KEEP_ALIVE
    if listener.key_invalid:
        yield KEY_INVALID


async def _next(hub: Hub, listener: LogListener) -> Chunk | None:
    """Read what follows the cursor. Returns None without the database; the hub wakes the stream when it is back."""
    try:
        return await hub.logs.after(listener.breakout_id, listener.cursor)
    except SQLAlchemyError as error:
        log.warning("a log was not read", error=type(error).__name__)
        return None
