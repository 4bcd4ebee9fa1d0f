"""Seats, and requests for help, as they are sent: written as JSON once, in the thread that has read them."""

from dataclasses import dataclass
from typing import Self

from schemas.responses import SeatResponse


@dataclass(frozen=True)
class ShownSeat:
    """One person's seat, and the version by which it is known."""

    version: int
    text: str
    """JSON in ASCII."""

    @classmethod
    def of(cls, seat: SeatResponse) -> Self:
        """Write a seat."""
        return cls(seat.version, seat.model_dump_json(ensure_ascii=True))


@dataclass(frozen=True)
class ShownHelp:
    """Somebody's open request for help."""

    text: str
    """JSON."""
    is_new: bool
