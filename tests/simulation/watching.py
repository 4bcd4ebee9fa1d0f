"""Looks at the database while a run goes on, at moments at which nobody holds a lock: what must hold then."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session, col

from schemas.events import EventType, ProblemKind
from schemas.states import (
    ENDED,
    LIVE,
    PLANNED,
    POINTS_TO_ROOM,
    RUNNING,
    BreakoutState,
    PlanState,
    SeatState,
)
from schemas.tables import Breakout, Event, Participant, Room, Seat

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

LATE = timedelta(seconds=25)
"""What is due longer than that, although nothing goes wrong any more, is forgotten."""


@dataclass(frozen=True)
class Sat:
    """A seat that is wanted."""

    breakout_id: str
    room_id: str
    name: str
    state: SeatState


def look(run: "Simulation") -> list[str]:
    """Return what is wrong now."""
    with run.eyes.database.reading() as session:
        statement = select(Breakout).where(col(Breakout.meeting_id) == run.meeting_id).order_by(col(Breakout.id))
        breakouts = list(session.scalars(statement))
        sat = _seats(session)
        checks = (
            _in_one_place(breakouts, sat),
            _within_limits(session, breakouts, sat),
            _rules(session, breakouts, sat),
        )
        return [words for check in checks for words in check]


def forgotten(run: "Simulation") -> list[str]:
    """Return what should have gone on by itself, long after the last trouble."""
    with run.eyes.database.reading() as session:
        statement = select(Breakout).where(col(Breakout.meeting_id) == run.meeting_id).order_by(col(Breakout.id))
        breakouts = list(session.scalars(statement))
        now = run.now
        words = [f"forgotten: {it.name} is solved for ever" for it in breakouts if _is_solving(it)]
        if not any(it.state in LIVE for it in breakouts):
            free_at = max((it.closed_at for it in breakouts if it.closed_at), default=now - 2 * LATE)
            due = [it for it in breakouts if it.state is BreakoutState.SCHEDULED and it.starts_at]
            late = (it for it in due if max(it.starts_at or now, free_at) + LATE < now and not _is_solving(it))
            words += [f"forgotten: {it.name} was to start at {it.starts_at}" for it in late]
        return words + list(_unarmed(run, breakouts))


def _is_solving(breakout: Breakout) -> bool:
    return breakout.state in PLANNED and breakout.plan_state is PlanState.SOLVING


def _unarmed(run: "Simulation", breakouts: list[Breakout]) -> Iterator[str]:
    """Yield each round that still waits for one that ended long ago."""
    for it in breakouts:
        if it.state is not BreakoutState.DRAFT or not it.awaits_round:
            continue
        before = [each for each in breakouts if each.series_id == it.series_id and (each.round or 0) < (it.round or 0)]
        held = [each for each in before if each.state is not BreakoutState.CANCELLED]
        if held and held[-1].state in ENDED and held[-1].closed_at and held[-1].closed_at + LATE < run.now:
            yield f"forgotten: {it.name} waits for {held[-1].name}, which is {held[-1].state}"


def _seats(session: Session) -> list[Sat]:
    columns = col(Seat.breakout_id), col(Seat.room_id), col(Participant.custom_participant_id), col(Seat.state)
    statement = select(*columns).join(Participant, col(Participant.id) == col(Seat.participant_id))
    return [Sat(*row) for row in session.execute(statement.where(col(Seat.wanted)))]


def _in_one_place(breakouts: list[Breakout], sat: list[Sat]) -> Iterator[str]:
    """Yield people who are told to be in two rooms."""
    running = {it.id for it in breakouts if it.state in RUNNING}
    told = Counter(it.name for it in sat if it.state in POINTS_TO_ROOM and it.breakout_id in running)
    if twice := sorted(name for name, count in told.items() if count > 1):
        yield f"in two places: {twice}"


def _within_limits(session: Session, breakouts: list[Breakout], sat: list[Sat]) -> Iterator[str]:
    """Yield rooms with more people than they take."""
    to_run = [it.id for it in breakouts if it.state in PLANNED | RUNNING]
    statement = select(Room).where(col(Room.breakout_id).in_(to_run), col(Room.max_participants).is_not(None))
    sizes = Counter(it.room_id for it in sat)
    for room in session.scalars(statement):
        if sizes[room.id] > (room.max_participants or 0):
            yield f"limit: {sizes[room.id]} people in {room.name}, which takes {room.max_participants}"


def _rules(session: Session, breakouts: list[Breakout], sat: list[Sat]) -> Iterator[str]:
    """Yield rules that do not hold and were not reported."""
    for breakout in breakouts:
        is_dealt = breakout.plan_state is PlanState.READY and breakout.state in PLANNED | RUNNING
        if is_dealt and (breakout.together or breakout.apart):
            names = _names(session)
            room_of = {it.name: it.room_id for it in sat if it.breakout_id == breakout.id}
            for words, people in _broken(breakout, names, room_of):
                if not any(all(it in detail for it in (words, *people)) for detail in _reported(session, breakout.id)):
                    yield f"rule: {people} are {words}, and that is not reported"


def _broken(
    breakout: Breakout, names: Mapping[str, str], room_of: Mapping[str, str]
) -> Iterator[tuple[str, list[str]]]:
    for group in breakout.together:
        seated = [names[it] for it in group if names.get(it) in room_of]
        if len({room_of[name] for name in seated}) > 1:
            yield "not together", seated
    for group in breakout.apart:
        by_room = defaultdict(list)
        for name in (names[it] for it in group if names.get(it) in room_of):
            by_room[room_of[name]].append(name)
        for together in by_room.values():
            for one, other in pairwise(together):
                yield "not apart", [one, other]


def _names(session: Session) -> dict[str, str]:
    return dict(session.execute(select(col(Participant.id), col(Participant.custom_participant_id))).tuples().all())


def _reported(session: Session, breakout_id: str) -> list[str]:
    of_problems = col(Event.breakout_id) == breakout_id, col(Event.type) == EventType.PROBLEM
    told = session.scalars(select(col(Event.data)).where(*of_problems))
    return [data["detail"] for data in told if data["what"] == ProblemKind.RULE_BROKEN]
