"""Seats, and requests for help, as they are sent: written as JSON once, in the thread that has read them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from schemas.responses import SeatResponse, SeatRoom

_ROOMS = '"rooms":'
_NO_ROOMS = _ROOMS + "[]"
"""What stands once in a seat whose rooms were taken out. No text in it holds this, because JSON escapes its quotes."""


@dataclass(frozen=True)
class ShownRooms:
    """The rooms of a breakout that people may choose, and how many belong in each. Many seats share one."""

    breakout_id: str
    names: str
    """The ids and names. They change only with the versions of the seats that list them."""
    text: str
    """JSON in ASCII."""

    @classmethod
    def of(cls, breakout_id: str, rooms: Sequence[SeatRoom]) -> Self:
        """Write the rooms of a breakout."""
        names = json.dumps([(room.id, room.name) for room in rooms])
        texts = (room.model_dump_json(ensure_ascii=True) for room in rooms)
        return cls(breakout_id, names, f"[{','.join(texts)}]")

    def has_other_counts_than(self, other: Self) -> bool:
        """Return whether nothing but counts has changed."""
        return self.text != other.text and (self.breakout_id, self.names) == (other.breakout_id, other.names)


@dataclass(frozen=True)
class ShownSeat:
    """One person's seat, and the version by which it is known."""

    version: int
    before: str
    """JSON in ASCII up to the rooms; all of it where there are none."""
    rooms: ShownRooms | None = None
    """The rooms that the seat lists. None where it lists none."""
    after: str = ""
    """JSON in ASCII after the rooms."""
    breakout_id: str | None = None
    """The breakout that the seat speaks of."""

    @classmethod
    def of(cls, seat: SeatResponse, rooms: ShownRooms | None) -> Self:
        """Write a seat. Its rooms are written already."""
        breakout_id = seat.breakout.id if seat.breakout else None
        if seat.breakout is None or rooms is None:
            return cls(seat.version, seat.model_dump_json(ensure_ascii=True), breakout_id=breakout_id)
        emptied = seat.model_copy(update={"breakout": seat.breakout.model_copy(update={"rooms": []})})
        before, _, after = emptied.model_dump_json(ensure_ascii=True).partition(_NO_ROOMS)
        return cls(seat.version, before + _ROOMS, rooms, after, breakout_id)

    @property
    def text(self) -> str:
        """The JSON in ASCII."""
        return f"{self.before}{self.rooms.text}{self.after}" if self.rooms else self.before


def shown(seats: Mapping[str, SeatResponse]) -> dict[str, ShownSeat]:
    """Write seats that were read in one snapshot, and the rooms of each breakout only once."""
    listed = {it.breakout.id: it.breakout.rooms for it in seats.values() if it.breakout and it.breakout.rooms}
    written = {breakout_id: ShownRooms.of(breakout_id, rooms) for breakout_id, rooms in listed.items()}
    return {
        person_id: ShownSeat.of(it, written[it.breakout.id] if it.breakout and it.breakout.rooms else None)
        for person_id, it in seats.items()
    }


@dataclass(frozen=True)
class ShownHelp:
    """Somebody's open request for help."""

    text: str
    """JSON."""
    is_new: bool
