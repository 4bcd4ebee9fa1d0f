"""What operators do with breakouts: plan, start, close, cancel. Each is one transaction; Celery tasks do the rest."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlmodel import col

from orchestrator.domain.distribution import Impossible, RoomSpec, distribute, random_seed
from orchestrator.domain.timing import preparing_takes
from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout import failing, steps
from orchestrator.services.breakout.moves import move_breakout
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_breakout, lock_meeting, rooms_of
from schemas.columns import new_id
from schemas.requests import BreakoutRequest, RoomRequest
from schemas.states import AssignmentMode, BreakoutState, CloseReason, Location, Role, RoomWanted, Who, moves_from
from schemas.tables import Breakout, Meeting, Participant, Room, Seat

BEFORE_START = (BreakoutState.DRAFT, BreakoutState.SCHEDULED)
RUNNING = (BreakoutState.OPENING, BreakoutState.OPEN)
ENDING = (BreakoutState.CLOSING, BreakoutState.CLOSED)


def create(deps: Deps, meeting_id: str, body: BreakoutRequest) -> str:
    """Plan a breakout, and start it if asked to; raises Unknown, WrongState, Malformed for an impossible split."""
    with deps.database.transaction() as tx:
        meeting = lock_meeting(tx, meeting_id)
        people = list(tx.session.scalars(select(Participant).where(col(Participant.meeting_id) == meeting_id)))
        dealt = _to_deal(body, people)
        rooms = _rooms(body, len(dealt))
        seed = body.assignment.seed if body.assignment.seed is not None else random_seed()
        groups = _groups(people, dealt, rooms, seed)
        breakout = _plan(tx, meeting, body, seed)
        _add_rooms(tx, breakout, rooms, groups, {person.custom_participant_id: person.id for person in people})
        tx.session.flush()
        if body.start == "now":
            steps.begin_opening(deps, tx, breakout)
        elif body.start != "manual":
            breakout.starts_at = body.start
            breakout.prepare_from = body.start - _ahead(deps, len(rooms) + sum(map(len, groups)))
            move_breakout(tx, breakout, BreakoutState.SCHEDULED, tx.now())
            steps.look(deps, tx, breakout)
        return breakout.id


def prepare(deps: Deps, breakout_id: str) -> None:
    """Make the rooms of a planned breakout ahead of its start, unless that was begun before. Raises WrongState."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        _require(breakout, BreakoutState.OPENING, "prepare")
        if breakout.prepare_from is None or breakout.prepare_from > tx.now():
            steps.begin_preparing(tx, breakout)


def start(deps: Deps, breakout_id: str) -> bool:
    """Start a planned breakout; False when it is opening or open already. Raises WrongState."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        if breakout.state in RUNNING:
            return False
        _require(breakout, BreakoutState.OPENING, "start")
        steps.begin_opening(deps, tx, breakout)
        return True


def close(deps: Deps, breakout_id: str, countdown_seconds: int | None) -> bool:
    """Close a running breakout after its countdown, or another; False when it is closing or closed already."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        if breakout.state in ENDING:
            return False
        _require(breakout, BreakoutState.CLOSING, "close")
        breakout.version += 1
        countdown = None if countdown_seconds is None else timedelta(seconds=countdown_seconds)
        steps.begin_closing(deps, tx, breakout, CloseReason.API, countdown)
        return True


def cancel(deps: Deps, breakout_id: str) -> bool:
    """Call a planned breakout off; False when it is cancelled already. Raises WrongState."""
    with deps.database.transaction() as tx:
        breakout = lock_breakout(tx, breakout_id)
        if breakout.state is BreakoutState.CANCELLED:
            return False
        _require(breakout, BreakoutState.CANCELLED, "cancel")
        now = tx.now()
        move_breakout(tx, breakout, BreakoutState.CANCELLED, now)
        breakout.version += 1
        prepared = [room.id for room in rooms_of(tx.session, breakout.id) if room.wanted is RoomWanted.READY]
        failing.want_closed(tx, breakout, prepared, now)
        due.set_due(tx, Breakout, breakout.id, None)
        return True


def _require(breakout: Breakout, to: BreakoutState, verb: str) -> None:
    if to not in moves_from(breakout.state):
        allowed = sorted(state.value for state in moves_from(breakout.state))
        raise WrongState(f"can't {verb} a breakout that is {breakout.state}", breakout.state.value, allowed)


def _ahead(deps: Deps, calls: int) -> timedelta:
    settings = deps.settings
    return preparing_takes(
        calls,
        settings.realtimekit_requests_per_5_minutes,
        settings.realtimekit_quota_window_seconds,
        settings.prepare_ahead_seconds,
    )


def _to_deal(body: BreakoutRequest, people: Sequence[Participant]) -> list[str]:
    """Whom the assignment deals out: those registered, or those present, and hosts only when asked for."""
    if body.assignment.mode is AssignmentMode.MANUAL:
        return []
    here = [person for person in people if body.assignment.who is Who.REGISTERED or person.location != Location.AWAY]
    return [
        person.custom_participant_id for person in here if body.assignment.include_hosts or person.role is not Role.HOST
    ]


def _rooms(body: BreakoutRequest, people: int) -> list[RoomRequest]:
    try:
        return body.room_list(people)
    except ValueError as error:
        raise Malformed(str(error), ("body", "room_size")) from error


def _groups(people: Sequence[Participant], dealt: list[str], rooms: list[RoomRequest], seed: int) -> list[list[str]]:
    """Who sits in which room; pinned people stay where they are pinned in every mode."""
    known = {person.custom_participant_id for person in people}
    for index, room in enumerate(rooms):
        if unknown := sorted(set(room.participants) - known):
            where = ("body", "rooms", index, "participants")
            raise Malformed(f"no such participants in this meeting: {', '.join(unknown[:5])}", where)
    try:
        return distribute(dealt, [RoomSpec(tuple(room.participants), room.max_participants) for room in rooms], seed)
    except Impossible as error:
        raise Malformed(str(error), ("body", "rooms")) from error


def _plan(tx: Transaction, meeting: Meeting, body: BreakoutRequest, seed: int) -> Breakout:
    earlier = select(func.count()).select_from(Breakout).where(col(Breakout.meeting_id) == meeting.id)
    number = tx.session.scalar(earlier) or 0
    breakout = Breakout(
        meeting_id=meeting.id,
        name=body.name or f"Breakout {number + 1}",
        seed=seed,
        mode=body.assignment.mode,
        who=body.assignment.who,
        include_hosts=body.assignment.include_hosts,
        recording_max_seconds=body.recording.max_seconds,
        recording_file_name_prefix=body.recording.file_name_prefix,
        created_at=tx.now(),
        **body.model_dump(
            include={
                "duration_seconds",
                "countdown_seconds",
                "warn_before_seconds",
                "record",
                "allow_switch",
                "allow_return",
                "late_join",
                "on_room_failure",
            }
        ),
    )
    tx.session.add(breakout)
    tx.session.flush()
    return breakout


def _add_rooms(
    tx: Transaction, breakout: Breakout, rooms: list[RoomRequest], groups: list[list[str]], ids: dict[str, str]
) -> None:
    for index, (asked, group) in enumerate(zip(rooms, groups, strict=True)):
        room_id = new_id()
        tx.session.add(
            Room(
                id=room_id,
                breakout_id=breakout.id,
                index=index,
                name=asked.name,
                key=room_id[-12:],
                max_participants=asked.max_participants,
            )
        )
        pinned = set(asked.participants)
        tx.session.add_all(
            Seat(breakout_id=breakout.id, room_id=room_id, participant_id=ids[name], pinned=name in pinned)
            for name in group
        )
