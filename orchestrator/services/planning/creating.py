"""Creating a breakout in one transaction: its rooms, who sits where, and when it starts. Tasks do the rest."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlmodel import col

from orchestrator.domain.distribution import Impossible, RoomSpec, distribute, random_seed
from orchestrator.domain.membership import may_be_dealt
from orchestrator.errors import Malformed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.dealing import Placed, insert_seats, new_room
from orchestrator.services.breakout.locked import made
from orchestrator.services.breakout.opening import begin_opening
from orchestrator.services.breakout.preparing import plan_preparation
from orchestrator.services.deps import Deps
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_meeting
from schemas.requests import BreakoutRequest, RoomRequest
from schemas.states import AssignmentMode, BreakoutState, Deal, Who
from schemas.tables import Breakout, Meeting, Participant

SETTINGS = frozenset(
    {
        "duration_seconds",
        "countdown_seconds",
        "warn_before_seconds",
        "record",
        "allow_switch",
        "allow_return",
        "late_join",
        "on_room_failure",
    }
)
"""Fields of the request that are columns of the table under the same names."""


def create(deps: Deps, meeting_id: str, body: BreakoutRequest) -> str:
    """Plan a breakout, and start or schedule it if asked to. Returns its id.

    Raises Unknown, WrongState while another breakout is live, Malformed for an impossible split.
    """
    with deps.database.transaction() as tx:
        meeting = lock_meeting(tx, meeting_id)
        people = tx.session.scalars(select(Participant).where(col(Participant.meeting_id) == meeting_id)).all()
        dealt = _to_deal(body, people)
        rooms = _rooms(body, len(dealt))
        seed = body.assignment.seed if body.assignment.seed is not None else random_seed()
        groups = _groups(people, dealt, rooms, seed)
        breakout = _plan(tx, meeting, body, seed, _when_dealt(body, anybody=bool(dealt)))
        _add_rooms(tx, breakout, rooms, groups, {person.custom_participant_id: person.id for person in people})
        tx.session.flush()
        with made(deps, tx, breakout) as b:
            _schedule(b, body)
        return breakout.id


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


def _to_deal(body: BreakoutRequest, people: Sequence[Participant]) -> list[str]:
    """Return whom the assignment deals out."""
    if body.assignment.mode is AssignmentMode.MANUAL:
        return []
    dealt = (person for person in people if may_be_dealt(body.assignment, person.role, person.location))
    return [person.custom_participant_id for person in dealt]


def _rooms(body: BreakoutRequest, people: int) -> list[RoomRequest]:
    try:
        return body.room_list(people)
    except ValueError as error:
        raise Malformed(str(error), ("body", "room_size")) from error


def _groups(people: Sequence[Participant], dealt: list[str], rooms: list[RoomRequest], seed: int) -> list[list[str]]:
    """Return who sits in which room. Pinned people stay where they are pinned in every mode."""
    known = {person.custom_participant_id for person in people}
    for index, room in enumerate(rooms):
        if unknown := sorted(set(room.participants) - known):
            where = ("body", "rooms", index, "participants")
            raise Malformed(f"no such participants in this meeting: {', '.join(unknown[:5])}", where)
    try:
        return distribute(dealt, [RoomSpec(tuple(room.participants), room.max_participants) for room in rooms], seed)
    except Impossible as error:
        raise Malformed(str(error), ("body", "rooms")) from error


def _when_dealt(body: BreakoutRequest, *, anybody: bool) -> Deal:
    """Return what the request says, or else when its kind of assignment is dealt for good."""
    asked = body.assignment
    if asked.deal is not None or asked.mode is not AssignmentMode.EVEN:
        return asked.deal or Deal.NOW
    at_start = body.room_size is not None or asked.who is Who.PRESENT or not anybody
    return Deal.AT_START if at_start else Deal.NOW


def _plan(tx: Transaction, meeting: Meeting, body: BreakoutRequest, seed: int, deal: Deal) -> Breakout:
    earlier = select(func.count()).select_from(Breakout).where(col(Breakout.meeting_id) == meeting.id)
    number = tx.session.scalar(earlier) or 0
    now = tx.now()
    breakout = Breakout(
        meeting_id=meeting.id,
        name=body.name or f"Breakout {number + 1}",
        seed=seed,
        mode=body.assignment.mode,
        who=body.assignment.who,
        include_hosts=body.assignment.include_hosts,
        recording_max_seconds=body.recording.max_seconds,
        recording_file_name_prefix=body.recording.file_name_prefix,
        deal=deal,
        dealt_at=now if deal is Deal.NOW or body.start == "now" else None,
        room_size=body.room_size,
        created_at=now,
        **body.model_dump(include=set(SETTINGS)),
    )
    tx.session.add(breakout)
    tx.session.flush()
    return breakout


def _add_rooms(
    tx: Transaction, breakout: Breakout, rooms: list[RoomRequest], groups: list[list[str]], ids: dict[str, str]
) -> None:
    made = [new_room(breakout.id, index, asked.name, asked.max_participants) for index, asked in enumerate(rooms)]
    tx.session.add_all(made)
    tx.session.flush()
    pinned = {name for room in rooms for name in room.participants}
    placed = [
        Placed(room.id, ids[name], pinned=name in pinned)
        for room, group in zip(made, groups, strict=True)
        for name in group
    ]
    insert_seats(tx, breakout.id, placed)
