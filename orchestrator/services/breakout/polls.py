"""Polls of RealtimeKit in the rooms of a breakout: the request wants one in each room, whose pass then makes it."""

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.errors import WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.broadcasting import require_live, require_rooms
from orchestrator.services.breakout.keeping_recorded import open_rooms
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import occupied_rooms
from schemas.requests import PollRequest
from schemas.states import LIVE
from schemas.tables import Room, RoomPoll


def ask(deps: Deps, breakout_id: str, body: PollRequest) -> None:
    """Want a poll in every live room with people, or in those of `room_ids`.

    Raises Unknown, Malformed for an unknown room, WrongState.
    """
    with locked(deps, breakout_id) as b:
        _require_running(b)
        require_rooms(b, body.room_ids)
        rooms = sorted(occupied_rooms(b.tx.session, open_rooms(b, body.room_ids or _all_rooms(b))))
        b.lock_rooms(rooms)
        b.tx.session.execute(update(Room).where(col(Room.id).in_(rooms)).values(has_polls=True))
        b.tx.session.add_all(_poll(body, room_id) for room_id in rooms)
        due.want(b.tx, Room, rooms)


def _require_running(b: LockedBreakout) -> None:
    require_live(b, "be asked anything")
    if b.row.sent_home_at is not None:
        raise WrongState("everybody was sent home", b.row.state.value, (state.value for state in LIVE))


def _all_rooms(b: LockedBreakout) -> list[str]:
    return list(b.tx.session.scalars(select(col(Room.id)).where(col(Room.breakout_id) == b.row.id)))


def _poll(body: PollRequest, room_id: str) -> RoomPoll:
    return RoomPoll(
        room_id=room_id,
        question=body.question,
        options=body.options,
        anonymous=body.anonymous,
        hide_votes=body.hide_votes,
    )
