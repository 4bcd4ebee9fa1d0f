"""Ending the seats of somebody who leaves the meeting for good."""

from collections.abc import Sequence
from itertools import chain

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.seating import UNDER_WAY, take_seats_away
from orchestrator.store.queries import holds
from orchestrator.store.versions import PLACES
from schemas.states import CAME, ENDED, PLANNED, SeatState
from schemas.tables import IS_UNFINISHED, Breakout, Seat


def end_seats(b: LockedBreakout, participant_id: str) -> None:
    """End all seats of a person, who is never waited for: they return, or they never joined.

    Those in a breakout that has ended stay as they are. Their names stay in what is stored.
    """
    if b.row.state in ENDED:
        return
    if b.row.state in PLANNED:
        _leave_plan(b, participant_id)
        return
    b.lock_rooms({seat.room_id for seat in _seats(b, participant_id)})
    seats = _seats(b, participant_id)
    b.move_seats([seat for seat in seats if seat.state in UNDER_WAY], SeatState.NEVER_JOINED)
    b.move_seats([seat for seat in seats if seat.state in CAME], SeatState.RETURNING)
    b.move_seats([seat for seat in seats if seat.state is SeatState.RETURNING], SeatState.RETURNED)
    had_place = any(seat.wanted for seat in seats)
    for seat in seats:
        seat.wanted = seat.pinned = seat.may_come_back = seat.token_wanted = False
        seat.auth_token = seat.leave_by = seat.previous_id = None
    b.has_facts = True
    if had_place:
        b.count_change(*PLACES)


def _leave_plan(b: LockedBreakout, participant_id: str) -> None:
    """Take somebody out of a plan: their seat, what is said of them in its rules, and where an operator put them."""
    row = b.row
    seats = _seats(b, participant_id)
    if any(seat.wanted for seat in seats):
        b.lock_rooms({seat.room_id for seat in seats})
        take_seats_away(b, [participant_id])
        b.count_change(*PLACES)
    if participant_id in set(chain(*row.together, *row.apart)):
        b.count_change("assignment")
    row.together, row.apart = _without(row.together, participant_id), _without(row.apart, participant_id)
    row.kept_in_main = [person for person in row.kept_in_main if person != participant_id]


def unfinished(session: Session, meeting_id: str) -> list[str]:
    """Return the breakouts of a meeting that have not ended."""
    mine = col(Breakout.meeting_id) == meeting_id, holds(Breakout, IS_UNFINISHED)
    return list(session.scalars(select(col(Breakout.id)).where(*mine).order_by(col(Breakout.id))))


def _seats(b: LockedBreakout, participant_id: str) -> Sequence[Seat]:
    statement = select(Seat).where(col(Seat.breakout_id) == b.row.id, col(Seat.participant_id) == participant_id)
    return b.tx.session.scalars(statement, execution_options={"populate_existing": True}).all()


def _without(groups: list[list[str]], participant_id: str) -> list[list[str]]:
    """Return the groups without a person. One that tells nothing without them goes."""
    left = ([person for person in group if person != participant_id] for group in groups)
    return [group for group in left if len(group) > 1]
