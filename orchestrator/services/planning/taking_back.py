"""A plan that turns out impossible: a new one fails, and a change is taken back."""

from pydantic_core import to_jsonable_python
from sqlalchemy import select
from sqlmodel import col

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.departing import forget_the_departed
from orchestrator.services.breakout.earlier import Earlier, places, shown, write_settings
from orchestrator.services.breakout.groups import seat_anew, seated
from orchestrator.services.breakout.planned import make_draft
from orchestrator.services.planning.rooms import set_rooms
from orchestrator.store.versions import PLACES
from schemas.events import ProblemKind
from schemas.requests import RoomRequest
from schemas.states import BreakoutState, PlanState, RoomWanted
from schemas.tables import Participant


def give_up(b: LockedBreakout, before: Earlier | None, why: str) -> None:
    """Fail a new plan, or give a changed one its earlier settings and groups; report why."""
    b.row.plan_state = PlanState.READY
    if before is None:
        b.move(BreakoutState.FAILED)
        b.row.closed_at = b.now
    else:
        _take_back(b, before)
        _give_start_up(b, before)
    b.report(ProblemKind.IMPOSSIBLE_PLAN, why)


def _take_back(b: LockedBreakout, before: Earlier) -> None:
    write_settings(b, before)
    forget_the_departed(b)
    set_rooms(b, [RoomRequest(name=name, max_participants=limit) for name, limit in before["rooms"]])
    rooms = b.rooms()
    now = [it for it, _ in seated(b)]
    there = places(before, {room.name: room.id for room in rooms})
    ids = [it.participant_id for it in there]
    known = set(
        b.tx.session.scalars(
            select(col(Participant.id)).where(col(Participant.id).in_(ids), col(Participant.meeting_id).is_not(None))
        )
    )
    seat_anew(b, rooms, now, [it for it in there if it.participant_id in known])
    b.is_dealt_by_solver = True
    b.change_by_operator(["assignment", *PLACES, *shown(before)])


def _give_start_up(b: LockedBreakout, before: Earlier) -> None:
    """Make it a draft if its start, or a start at another time than before the change, waited for the groups."""
    is_otherwise = to_jsonable_python(b.row.scheduled_for) != before["start"]
    has_come = b.row.starts_at is not None and b.row.starts_at <= b.now
    if b.row.state is BreakoutState.SCHEDULED and (is_otherwise or has_come):
        make_draft(b)
    elif b.row.state is BreakoutState.DRAFT and all(room.wanted is RoomWanted.NOTHING for room in b.rooms()):
        b.row.prepare_from = None
