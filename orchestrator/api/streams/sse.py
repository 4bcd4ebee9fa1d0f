"""Server-sent events as bytes, and the ids by which a browser that comes back says what it has seen."""

import re
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""A proxy must pass every event on at once."""
ID = re.compile(r"(-|[0-9a-f-]{36}):([0-9]{1,9})")


@dataclass(frozen=True)
class Position:
    """How much of which breakout's log a seat stream has seen; an event's id there."""

    breakout_id: str = "-"
    number: int = 0

    def __str__(self) -> str:
        return f"{self.breakout_id}:{self.number}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """The position in a `Last-Event-ID`; None for none, or one that is not ours."""
        found = ID.fullmatch(text or "")
        return cls(found[1], int(found[2])) if found else None


def comment(text: str) -> bytes:
    """What readers of events pass over."""
    return f": {text}\n\n".encode()


KEEP_ALIVE = comment("keep-alive")


def event(name: str, event_id: Position | int, data: BaseModel) -> bytes:
    """One event. Its JSON is ASCII: some clients end a line where Unicode would, and not only where the format does."""
    return f"event: {name}\nid: {event_id}\ndata: {data.model_dump_json(ensure_ascii=True)}\n\n".encode()
