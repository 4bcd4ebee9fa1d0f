"""Creating a breakout in one transaction: its rooms, who sits where, and when it starts. Tasks do the rest."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlmodel import col

from orchestrator.domain.distribution import random_seed
from orchestrator.errors import Malformed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.dealing import Placed, deal_on_request, insert_seats
from orchestrator.services.breakout.locked import made
from orchestrator.services.breakout.opening import begin_opening
from orchestrator.services.breakout.planned_rooms import new_room
from orchestrator.services.breakout.preparing import plan_preparation
from orchestrator.services.breakout.seating import dealable
from orchestrator.services.deps import Deps
from orchestrator.services.planning.settings import columns, require_known, when_dealt
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_meeting, participant_ids
from schemas.requests import BreakoutRequest, RoomRequest
from schemas.states import BreakoutState, Deal
from schemas.tables import Breakout


def create(deps: Deps, meeting_id: str, body: BreakoutRequest) -> str:
    """Plan a breakout, and start or schedule it if asked to. Returns its id.

    Raises Unknown, WrongState while another breakout is live, Malformed for an impossible split.
    """
    with deps.database.transaction() as tx:
        lock_meeting(tx, meeting_id)
        breakout = _plan(tx, meeting_id, body)
        with made(deps, tx, breakout) as b:
            add_named_rooms(b, body.rooms or [])
            deal = when_dealt(body.assignment, body.room_size, anybody=bool(dealable(b).ids))
            breakout.deal = deal
            breakout.dealt_at = b.now if deal is Deal.NOW or body.start == "now" else None
            deal_on_request(b)
            _schedule(b, body)
        return breakout.id


def _plan(tx: Transaction, meeting_id: str, body: BreakoutRequest) -> Breakout:
    earlier = select(func.count()).select_from(Breakout).where(col(Breakout.meeting_id) == meeting_id)
    number = tx.session.scalar(earlier) or 0
    breakout = Breakout(
        meeting_id=meeting_id,
        name=body.name or f"Breakout {number + 1}",
        seed=body.assignment.seed if body.assignment.seed is not None else random_seed(),
        deal_is_default=body.assignment.deal is None,
        created_at=tx.now(),
        **columns(tx, meeting_id, body),
    )
    tx.session.add(breakout)
    tx.session.flush()
    return breakout


def add_named_rooms(b: LockedBreakout, asked: Sequence[RoomRequest]) -> None:
    """Add the rooms of a new plan, and seat the people who are listed in them."""
    rooms = [new_room(b, index, room.name, room.max_participants) for index, room in enumerate(asked)]
    b.tx.session.add_all(rooms)
    b.tx.session.flush()
    insert_seats(b, [Placed(rooms[index].id, row_id, pinned=True) for index, row_id in listed_people(b, asked)])


def listed_people(b: LockedBreakout, asked: Sequence[RoomRequest]) -> list[tuple[int, str]]:
    """Return the index of the room and our id of everybody who is listed. Raises Malformed for unknown people."""
    names = [name for room in asked for name in room.participants]
    known = participant_ids(b.tx.session, b.row.meeting_id, names) if names else {}
    for index, room in enumerate(asked):
        require_known(known, room.participants, ("body", "rooms", index, "participants"))
    return [(index, known[name]) for index, room in enumerate(asked) for name in room.participants]


def _schedule(b: LockedBreakout, body: BreakoutRequest) -> None:
    """Start now, or schedule the start."""
    if body.start == "now":
        begin_opening(b)
        b.leave_to_task()
    elif body.start != "manual":
        if body.start <= b.now:
            raise Malformed("this time is past", ("body", "start"))
        b.row.scheduled_for = b.row.starts_at = body.start
        plan_preparation(b, body.start)
        b.move(BreakoutState.SCHEDULED)
