"""Looks at the database while a run goes on, at moments at which nobody holds a lock: what must hold then."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
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
    RoomWanted,
)
from schemas.tables import Breakout, Event, Participant, Seat

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

LATE = timedelta(seconds=25)
"""What is due longer than that, although nothing goes wrong any more, is forgotten."""


def _in(column: str, states: Iterable[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(it.value) for it in sorted(states))})"


IN_TWO_PLACES = f"""
SELECT custom_participant_id FROM seat
JOIN participant ON participant.id = seat.participant_id JOIN breakout ON breakout.id = seat.breakout_id
WHERE seat.wanted AND {_in("seat.state", POINTS_TO_ROOM)} AND {_in("breakout.state", RUNNING)}
GROUP BY custom_participant_id HAVING count(*) > 1 ORDER BY custom_participant_id
"""
TOO_FULL = f"""
SELECT room.name, max_participants, count(*) FROM room
JOIN seat ON seat.room_id = room.id JOIN breakout ON breakout.id = room.breakout_id
WHERE seat.wanted AND max_participants IS NOT NULL AND {_in("breakout.state", PLANNED | RUNNING)}
GROUP BY room.id, room.name, max_participants HAVING count(*) > max_participants
"""
NEVER_ASKED_FOR = f"""
SELECT room.name FROM room JOIN breakout ON breakout.id = room.breakout_id
WHERE room.wanted = '{RoomWanted.NOTHING.value}' AND NOT room.dropped AND breakout.state = '{BreakoutState.OPEN.value}'
"""
HAS_RULES = f"""
SELECT 1 FROM breakout WHERE plan_state = '{PlanState.READY.value}' AND {_in("state", PLANNED | RUNNING)}
AND (CAST(together AS TEXT) <> '[]' OR CAST(apart AS TEXT) <> '[]') LIMIT 1
"""


def look(run: "Simulation") -> list[str]:
    """Return what is wrong now. It is asked so often that the statements are plain ones."""
    wrong = []
    if twice := run.kept.ask(IN_TWO_PLACES):
        wrong.append(f"in two places: {twice[0]}")
    if full := run.kept.ask(TOO_FULL):
        wrong.append(f"limit: {full[2]} people in {full[0]}, which takes {full[1]}")
    if left_out := run.kept.ask(NEVER_ASKED_FOR):
        wrong.append(f"open, and nobody opens {left_out[0]}")
    if run.kept.ask(HAS_RULES):
        with run.eyes.database.reading() as session:
            wrong += _rules(session, run.meeting_id)
    return wrong


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


def _rules(session: Session, meeting_id: str) -> Iterator[str]:
    """Yield rules that do not hold and were not reported."""
    columns = col(Seat.breakout_id), col(Participant.custom_participant_id), col(Seat.room_id)
    statement = select(*columns).join(Participant, col(Participant.id) == col(Seat.participant_id))
    sat = session.execute(statement.where(col(Seat.wanted))).all()
    for breakout in session.scalars(select(Breakout).where(col(Breakout.meeting_id) == meeting_id)):
        is_dealt = breakout.plan_state is PlanState.READY and breakout.state in PLANNED | RUNNING
        if is_dealt and (breakout.together or breakout.apart):
            names = _names(session)
            room_of = {name: room_id for breakout_id, name, room_id in sat if breakout_id == breakout.id}
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
