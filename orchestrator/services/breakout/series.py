"""Rounds: breakouts of one series. Each is dealt against who has met before, and armed by the end of the one before."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from orchestrator.domain.distribution import RoomSpec, led
from orchestrator.domain.rounds import Met, deal_round
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.behind import people_behind
from orchestrator.services.breakout.rules import named, rules
from orchestrator.services.breakout.seating import UNDER_WAY, Dealable
from orchestrator.store import due
from orchestrator.store.queries import custom_ids
from schemas.events import ProblemKind
from schemas.states import ENDED, PLANNED, RUNNING, BreakoutState, CloseReason, SeatState
from schemas.tables import Breakout, Participant, Seat

WAS_THERE = frozenset({SeatState.JOINED, SeatState.AWAY, SeatState.RETURNING, SeatState.RETURNED, SeatState.LOST})
"""States of a seat whose person has been in the room."""
NOT_HELD = frozenset({BreakoutState.CANCELLED, BreakoutState.FAILED})
STOPS = frozenset({CloseReason.ABORTED, CloseReason.PARENT_ENDED})
"""How a round ends after which the next one is not armed."""


def deal_anew(
    b: LockedBreakout, specs: Sequence[RoomSpec], people: Dealable, met: Met | None
) -> tuple[list[list[str]], list[str]]:
    """Deal a round so that as few pairs as possible meet again. Returns groups, and people without a place.

    `met` is who meets in the rounds before, and this one is added; None: they are read.
    """
    if met is None:
        met = Met(groups_of(b.tx.session, b.row, upto=(b.row.round or 1) - 1))
    others, rooms = people.ids.keys() - people.hosts, led(specs, people.hosts, b.row.seed)
    dealt = deal_round(others, rooms, b.row.seed, met, rules(b), rounds=_rounds(b))
    met.add(dealt.groups)
    return dealt.groups, dealt.left


def together(session: Session, row: Breakout) -> list[list[str]]:
    """Return who must be together in each round, by the callers' own ids."""
    return named(row.together, custom_ids(session, {person for group in row.together for person in group}))


def groups_of(session: Session, row: Breakout, *, upto: int) -> list[list[list[str]]]:
    """Return the groups of each round of a series: who was there, or, of one that has not closed, who is to be."""
    statement = (
        select(col(Breakout.round), col(Seat.room_id), col(Participant.custom_participant_id), col(Participant.id))
        .join(Seat, col(Seat.breakout_id) == col(Breakout.id))
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(
            col(Breakout.series_id) == row.series_id,
            col(Breakout.round) <= upto,
            col(Breakout.state).not_in(NOT_HELD),
            or_(
                col(Seat.state).in_(WAS_THERE),
                col(Breakout.state).in_(PLANNED | RUNNING) & col(Seat.wanted) & col(Seat.state).in_(UNDER_WAY),
            ),
        )
        .order_by(col(Breakout.round), col(Seat.room_id), col(Participant.custom_participant_id))
    )
    behind = people_behind(session, row)
    found = []
    for _, of_round in groupby(session.execute(statement).all(), key=lambda seat: seat[0]):
        rooms: defaultdict[str, list[str]] = defaultdict(list)
        for _, room_id, name, person_id in of_round:
            rooms[room_id].append(behind[person_id].name if person_id in behind else name)
        found.append(list(rooms.values()))
    return found


def follow_round_before(b: LockedBreakout) -> None:
    """Schedule a round that waits for the one before, when that has ended; or let it stay a draft, and report why.

    A cancelled round is passed over. A round before which there is none is started by hand.
    """
    if not b.row.awaits_round or b.row.state is not BreakoutState.DRAFT:
        return
    before = _round_before(b)
    if before is None or before.state not in ENDED:
        return
    b.row.awaits_round = False
    if before.state is BreakoutState.FAILED or before.close_reason in STOPS:
        ended = before.close_reason or before.state
        b.report(ProblemKind.SERIES_STOPPED, f"{before.name} ended {ended}: start this round by hand")
        return
    gap = timedelta(seconds=b.row.gap_seconds or 0)
    b.row.scheduled_for = b.row.starts_at = max(b.now, (before.closed_at or b.now) + gap)
    b.move(BreakoutState.SCHEDULED)


def wake_next_round(b: LockedBreakout) -> None:
    """Make the next round that waits due, because this one has ended. Its own task decides under its own lock."""
    waiting = (
        select(col(Breakout.id))
        .where(col(Breakout.series_id) == b.row.series_id, col(Breakout.round) > b.row.round)
        .where(col(Breakout.awaits_round), col(Breakout.state) == BreakoutState.DRAFT)
        .order_by(col(Breakout.round))
        .limit(1)
    )
    if next_id := b.tx.session.scalar(waiting):
        due.due_by(b.tx, Breakout, {next_id: b.now})
        due.dispatch(b.tx, Breakout, [next_id], now=b.now)


def later_rounds(session: Session, row: Breakout) -> list[str]:
    """Return the ids of the rounds after this one that have not begun, in their order; none outside a series."""
    if row.series_id is None:
        return []
    later = col(Breakout.series_id) == row.series_id, col(Breakout.round) > row.round
    statement = select(col(Breakout.id)).where(*later, col(Breakout.state).in_(PLANNED)).order_by(col(Breakout.round))
    return list(session.scalars(statement))


def _round_before(b: LockedBreakout) -> Breakout | None:
    earlier = col(Breakout.series_id) == b.row.series_id, col(Breakout.round) < b.row.round
    statement = select(Breakout).where(*earlier, col(Breakout.state) != BreakoutState.CANCELLED)
    return b.tx.session.scalar(
        statement.order_by(col(Breakout.round).desc()).limit(1), execution_options={"populate_existing": True}
    )


def _rounds(b: LockedBreakout) -> int:
    of_series = select(func.count()).select_from(Breakout).where(col(Breakout.series_id) == b.row.series_id)
    return b.tx.session.scalar(of_series) or 1
