"""What all streams of server-sent events have in common."""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from orchestrator import metrics
from orchestrator.api.openapi.responses import Responses
from orchestrator.api.streams.sse import HEADERS, MEDIA_TYPE

KEEP_ALIVE_SECONDS = 15.0


class LiveStream(StreamingResponse):
    """Streams events until they end or the reader disconnects, and then calls `leave`."""

    def __init__(self, events: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(events, headers=HEADERS, media_type=MEDIA_TYPE)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            with metrics.STREAMS.track_inprogress():
                await super().__call__(scope, receive, send)
        finally:
            self._leave()


async def woken(wake: asyncio.Event, within: float = KEEP_ALIVE_SECONDS) -> bool:
    """Wait until `wake` is set, and clear it. Returns False after `within` seconds, when a keep-alive is due."""
    try:
        async with asyncio.timeout(within):
            await wake.wait()
    except TimeoutError:
        return False
    wake.clear()
    return True


def stream_of(description: str, example: str) -> Responses:
    """Document an endpoint that answers with a stream."""
    content = {MEDIA_TYPE: {"schema": {"type": "string"}, "example": example}}
    return {200: {"description": description, "content": content}}
