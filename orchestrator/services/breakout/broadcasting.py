"""What operators and hosts say to people: it goes into the log, and from there to everybody's stream."""

from collections.abc import Collection

from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from schemas.events import EventType
from schemas.problems import ProblemCode
from schemas.requests import BroadcastRequest
from schemas.states import LIVE
from schemas.tables import Room


def broadcast(deps: Deps, breakout_id: str, body: BroadcastRequest) -> None:
    """Say something to people of a live breakout. Raises Unknown, Malformed for an unknown room, WrongState."""
    with locked(deps, breakout_id) as b:
        require_live(b, "be told anything")
        require_rooms(b, body.room_ids)
        b.log(EventType.BREAKOUT_BROADCAST, {"text": body.text, "room_ids": body.room_ids})


def require_live(b: LockedBreakout, what: str) -> None:
    """Raise WrongState for a breakout that has not started or has ended."""
    if b.row.state not in LIVE:
        words = f"people of a breakout that is {b.row.state} can't {what}"
        raise WrongState(words, b.row.state.value, (state.value for state in LIVE))


def require_rooms(b: LockedBreakout, room_ids: Collection[str] | None) -> None:
    """Raise Malformed for an id that is of no room of the breakout."""
    if room_ids is None:
        return
    mine = select(col(Room.id)).where(col(Room.breakout_id) == b.row.id, col(Room.id).in_(room_ids), ~col(Room.dropped))
    if unknown := set(room_ids).difference(b.tx.session.scalars(mine)):
        words = f"this breakout has no room {', '.join(sorted(unknown))}"
        raise Malformed(words, ("body", "room_ids"), ProblemCode.UNKNOWN_ROOM)
