"""Server-sent events as bytes, and the event ids of seat streams."""

import re
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""`X-Accel-Buffering: no` makes a proxy pass every event on at once."""
POSITION_ID = re.compile(r"(-|[0-9a-f-]{36}):([0-9]{1,9})")


@dataclass(frozen=True)
class Position:
    """A number in the log of a breakout: how far a seat stream has read, and the id of its events."""

    breakout_id: str = "-"
    number: int = 0

    def __str__(self) -> str:
        return f"{self.breakout_id}:{self.number}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parse a `Last-Event-ID`. Returns None if there is none, or it is not one of ours."""
        found = POSITION_ID.fullmatch(text or "")
        return cls(found[1], int(found[2])) if found else None


def comment(text: str) -> bytes:
    """Return a comment, which readers of events ignore."""
    return f": {text}\n\n".encode()


KEEP_ALIVE = comment("keep-alive")


def event(name: str, event_id: Position | int, data: BaseModel) -> bytes:
    """Return one event.

    Its JSON is ASCII because some clients also end a line at Unicode's line separators, which the format does not.
    """
    return f"event: {name}\nid: {event_id}\ndata: {data.model_dump_json(ensure_ascii=True)}\n\n".encode()
