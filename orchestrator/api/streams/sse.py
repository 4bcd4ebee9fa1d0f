"""Server-sent events as bytes."""

from orchestrator.api.crowd.position import Position

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
"""`X-Accel-Buffering: no` makes nginx pass every event on at once.

`no-transform` forbids every proxy to compress the stream, because a compressor holds events back until it has enough.
"""


def comment(text: str) -> bytes:
    """Return a comment, which readers of events ignore."""
    return f": {text}\n\n".encode()


KEEP_ALIVE = comment("keep-alive")


def event(name: str, event_id: Position | int | None, text: str) -> bytes:
    """Return one event. Its JSON is ASCII, because some clients also end a line at Unicode's line separators.

    One that is never replayed has no id.
    """
    numbered = "" if event_id is None else f"id: {event_id}\n"
    return f"event: {name}\n{numbered}data: {text}\n\n".encode()
