"""Answers that several routes give: a breakout as it stands after the work, and one of its rooms."""

from collections.abc import Callable

from sqlmodel import Session

from orchestrator.services.views import breakouts
from schemas.responses import BreakoutResponse, RoomResponse


def breakout_with(status: int, breakout_id: str) -> Callable[[Session, None], tuple[int, BreakoutResponse]]:
    """Answer with this status and the breakout."""
    return lambda session, _: (status, breakouts.breakout(session, breakout_id))


def room_of(breakout: BreakoutResponse, room_id: str) -> RoomResponse:
    """Return a room of a breakout that has it."""
    return next(room for room in breakout.rooms if room.id == room_id)
