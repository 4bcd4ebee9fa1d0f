"""A plan that turns out impossible: a new one fails, and a change is taken back.

Where groups of a new plan were still looked for when it was changed, they are looked for again without the change.
"""

from collections import Counter
from typing import cast

from pydantic_core import to_jsonable_python

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.earlier import (
    MAIN,
    Change,
    Plan,
    everybody,
    remember,
    shown,
    undone,
    write_settings,
)
from orchestrator.services.breakout.groups import Placed, seat_anew, seated
from orchestrator.services.breakout.planned import make_draft
from orchestrator.services.breakout.seating import report_no_place, room_limit
from orchestrator.services.breakout.solving import begin
from orchestrator.services.planning.rooms import set_rooms
from orchestrator.store.versions import PLACES
from schemas.events import ProblemKind
from schemas.requests import RoomRequest
from schemas.states import AssignmentMode, BreakoutState, PlanState, RoomWanted
from schemas.tables import Solve


def give_up(b: LockedBreakout, search: Solve, why: str) -> None:
    """Fail a new plan, or take a change back; report why."""
    change, is_new = cast("Change | None", search.earlier), search.is_new
    b.row.plan_state = PlanState.READY
    if change is None:
        b.move(BreakoutState.FAILED)
        b.row.closed_at = b.now
    else:
        _take_back(b, change)
        _give_start_up(b, change["before"])
        if is_new and b.row.mode is AssignmentMode.EVEN and b.rooms():  # also where no rule is left
            begin(b, None, at_start=False)
    b.report(ProblemKind.IMPOSSIBLE_PLAN, why)


def _take_back(b: LockedBreakout, change: Change) -> None:
    """Give the plan what the change has taken, and leave what operators have changed since."""
    now = remember(b)
    plan = undone(change, now, everybody(b))
    settings = {name: value for name, value in plan["settings"].items() if value != now["settings"][name]}
    write_settings(b, settings)
    b.row.kept_in_main = [person for person, (room_id, _) in plan["places"].items() if room_id == MAIN]
    set_rooms(b, [RoomRequest(name=name, max_participants=limit) for _, name, limit in plan["rooms"]])
    found, left = _seats(b, change, plan)
    seat_anew(b, b.rooms(), [it for it, _ in seated(b)], found)
    names = b.names(left)
    report_no_place(b, [names[person] for person in left])
    before = change["before"]
    same_rooms = [*map(list, plan["rooms"])] == [*map(list, before["rooms"])]
    b.is_dealt_by_solver = same_rooms and plan["places"] == before["places"]
    b.change_by_operator(["assignment", *PLACES, *shown(settings)])


def _seats(b: LockedBreakout, change: Change, plan: Plan) -> tuple[list[Placed], list[str]]:
    """Return the seats, and the people for whom their room has no place any more.

    Who is pinned, or was moved since, goes before others. A room that was made again, or whose name another one has
    by now, has another id than before.
    """
    before, kept = change["before"], {room[0] for room in change["after"]["rooms"]}
    rooms = {room.name: room for room in b.rooms()}
    names = {room_id: name for room_id, name, _ in before["rooms"] if room_id not in kept}
    names |= {room_id: name for room_id, name, _ in plan["rooms"]}
    found, left, sizes = list[Placed](), list[str](), Counter[str]()
    others_last = sorted(plan["places"].items(), key=lambda it: (not it[1][1], it[1] == before["places"].get(it[0])))
    for person, (room_id, pinned) in others_last:
        room = rooms.get(names.get(room_id, ""))
        if room is None:
            continue
        limit = room_limit(room, b.row.room_size)
        if pinned or limit is None or sizes[room.id] < limit:
            sizes[room.id] += 1
            found.append(Placed(room.id, person, pinned))
        else:
            left.append(person)
    return found, left


def _give_start_up(b: LockedBreakout, before: Plan) -> None:
    """Make it a draft if its start, or a start at another time than before the change, waited for the groups."""
    is_otherwise = to_jsonable_python(b.row.scheduled_for) != before["start"]
    has_come = b.row.starts_at is not None and b.row.starts_at <= b.now
    if b.row.state is BreakoutState.SCHEDULED and (is_otherwise or has_come):
        make_draft(b)
    elif b.row.state is BreakoutState.DRAFT and all(room.wanted is RoomWanted.NOTHING for room in b.rooms()):
        b.row.prepare_from = None
