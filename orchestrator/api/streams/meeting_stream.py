"""One stream of a meeting: what happens from now on. Nothing is replayed, so a reader reads after connecting."""

from collections.abc import AsyncIterator

from orchestrator.api.callers import Caller
from orchestrator.api.streams.hub import Hub
from orchestrator.api.streams.meeting_listeners import MeetingListener
from orchestrator.api.streams.sse import KEEP_ALIVE, comment
from orchestrator.api.streams.streaming import LiveStream, woken

CONNECTED = comment("connected")
ENDED = comment("this stream is over: connect again, and read")


async def open_meeting_stream(hub: Hub, meeting_id: str, caller: Caller) -> LiveStream:
    """Open a stream for this caller. Raises Unknown for an unknown meeting."""
    listener = await hub.meetings.add(meeting_id, caller)
    return LiveStream(_events(hub, listener), lambda: hub.meetings.remove(listener))


async def _events(hub: Hub, listener: MeetingListener) -> AsyncIterator[bytes]:
    yield CONNECTED
    while not (hub.ending or listener.ended):
        text = b"".join(listener.unsent)
        listener.unsent = []
        if text:
            yield text
        while not listener.unsent and not await woken(listener.wake):
            yield KEEP_ALIVE
    if listener.ended:
        yield b"".join(listener.unsent) + ENDED
