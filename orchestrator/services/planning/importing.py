"""Making a manual draft from a file of who sits where."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.seating_plan import SeatingPlan, plan_of
from orchestrator.domain.sheets import Row
from orchestrator.errors import Malformed
from orchestrator.services.deps import Deps
from orchestrator.services.planning.creating import create
from orchestrator.store.queries import lock_meeting
from schemas.requests import MOST_PEOPLE, MOST_ROOMS, AssignmentRequest, BreakoutRequest, PersonRequest, RoomRequest
from schemas.states import AssignmentMode
from schemas.tables import Participant

MOST_SHOWN = 5
"""How many rows without use are named when there is no other."""

Register = Callable[[Deps, str, Sequence[PersonRequest], Callable[[], None]], object]
"""Registers people, and does something more once they have rows."""


@dataclass(frozen=True)
class Imported:
    """The draft that a file has made, and what became of its rows."""

    breakout_id: str
    rows: int
    plan: SeatingPlan


def import_rows(
    deps: Deps, meeting_id: str, rows: Sequence[Row], name: str | None, register: Register | None
) -> Imported:
    """Plan a manual breakout as the rows of a file say, in one transaction. `register` registers people, if wanted.

    Raises Unknown, and Malformed when no row can be used.
    """
    with deps.database.transaction() as tx:
        inside = replace(deps, database=deps.database.within(tx))
        known = select(col(Participant.custom_participant_id)).where(col(Participant.meeting_id) == meeting_id)
        plan = plan_of(rows, set(tx.session.scalars(known)), register=register is not None)
        _check(plan)
        body = BreakoutRequest(
            name=name,
            rooms=[RoomRequest(name=room, participants=seated) for room, seated in plan.rooms.items()],
            assignment=AssignmentRequest(mode=AssignmentMode.MANUAL),
        )
        made: list[str] = []

        def make() -> None:
            made.append(create(inside, meeting_id, body))

        people = [PersonRequest(custom_participant_id=it, name=called) for it, called in plan.new.items()]
        if register is not None and people:
            register(inside, meeting_id, people, make)
        else:
            lock_meeting(tx, meeting_id)
            make()
        return Imported(made[0], len(rows), plan)


def _check(plan: SeatingPlan) -> None:
    if not plan.used:
        some = "; ".join(f"line {line}: {why}" for line, why in plan.skipped[:MOST_SHOWN])
        raise Malformed(f"no row can be used{': ' if some else ''}{some}")
    if not plan.rooms:
        raise Malformed("no row that can be used names a room")
    if len(plan.rooms) > MOST_ROOMS:
        raise Malformed(f"the file names {len(plan.rooms)} rooms; a breakout has at most {MOST_ROOMS}")
    for room, people in plan.rooms.items():
        if len(people) > MOST_PEOPLE:
            raise Malformed(f"the file names {len(people)} people for {room}; a room takes at most {MOST_PEOPLE}")
