"""How far a seat stream has read: a number in the log of a breakout, which is also the id of the stream's events."""

import re
from dataclasses import dataclass, replace
from typing import Self

POSITION_ID = re.compile(r"(-|[0-9a-f-]{36}):([0-9]{1,9})")


@dataclass(frozen=True)
class Position:
    """A number in the log of a breakout: how far a seat stream has read, and the id of its events."""

    breakout_id: str = "-"
    number: int = 0

    def __str__(self) -> str:
        return f"{self.breakout_id}:{self.number}"

    def in_log_of(self, breakout_id: str | None) -> Self:
        """Return this, or the beginning of the log of another breakout, of which nothing has been sent yet."""
        return self if breakout_id in (None, self.breakout_id) else replace(self, breakout_id=breakout_id, number=0)

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parse a `Last-Event-ID`. Returns None if there is none, or it is not one of ours."""
        found = POSITION_ID.fullmatch(text or "")
        return cls(found[1], int(found[2])) if found else None
