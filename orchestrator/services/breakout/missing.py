"""People who have not come home: how long they are waited for, and when they count as lost.

Nobody is lost because something here or at RealtimeKit was late: a fact that waits to be applied, a poll, or the call
that puts people out of their room.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.watching import ask_who_is_home
from orchestrator.store.queries import has_waiting_facts, places
from schemas.events import Actor, ProblemKind
from schemas.states import SeatState
from schemas.tables import Breakout, Meeting, Room, Seat


def give_up_on_the_missing(b: LockedBreakout) -> None:
    """Account for people who have not returned by `gives_up_at`.

    1. Wait until all that was said by then is applied, and until main was asked once more.
    2. People who are in main have returned, also if they seem to be in their room: its end may not have been told.
    3. People who are in a room that is not emptied yet are waited for.
    4. The others are lost.
    """
    _give_up(b, b.row.gives_up_at, _missing(b))


def give_up_in_rooms(b: LockedBreakout, rooms: Iterable[Room]) -> None:
    """Account in the same way for the people of each of these rooms, which close by themselves."""
    for room in rooms:
        _give_up(b, room.gives_up_at, (*_missing(b), col(Seat.room_id) == room.id))


def _give_up(b: LockedBreakout, since: datetime | None, of_missing: tuple[ColumnElement[bool], ...]) -> None:
    if since is None or b.now < since or not _is_anybody_missing(b, of_missing) or not _is_all_known(b, since):
        return
    missing = b.tx.session.scalars(select(Seat).where(*of_missing)).all()
    where = places(b.tx.session, [seat.participant_id for seat in missing])
    emptying = set(
        b.tx.session.scalars(
            select(col(Room.id)).where(col(Room.breakout_id) == b.row.id, col(Room.retired_at).is_(None))
        )
    )
    home = [seat for seat in missing if None in where.get(seat.participant_id, set())]
    b.move_seats(home, SeatState.RETURNED)
    with b.acting(Actor.TIMER):
        _lose(b, [seat for seat in missing if not where.get(seat.participant_id, set()) & {None, *emptying}])


def wait_for_people_put_out(b: LockedBreakout, rooms: Iterable[Room]) -> None:
    """Give people who were put out of these rooms just now a grace to come home."""
    rows: list[Breakout | Room] = [b.row, *rooms]
    for row in rows:
        if row.gives_up_at is not None:
            row.gives_up_at = max(row.gives_up_at, b.now + b.deps.grace)


def _missing(b: LockedBreakout) -> tuple[ColumnElement[bool], ...]:
    return col(Seat.breakout_id) == b.row.id, col(Seat.state) == SeatState.RETURNING


def _is_anybody_missing(b: LockedBreakout, of_missing: tuple[ColumnElement[bool], ...]) -> bool:
    b.tx.session.flush()
    return b.tx.session.scalar(select(col(Seat.id)).where(*of_missing).limit(1)) is not None


def _is_all_known(b: LockedBreakout, since: datetime) -> bool:
    """Return whether everything that was said until `since` is applied, and main was asked since.

    A poll that is still to be made is asked for. A RealtimeKit that never answers is not waited for without end.
    """
    patience = timedelta(seconds=b.deps.settings.closing_patience_seconds)
    if b.now >= since + patience:
        return True
    if has_waiting_facts(b.tx.session, b.row.meeting_id, since):
        return False  # the task that applies them looks again
    polled_at = b.tx.session.get_one(Meeting, b.row.meeting_id).polled_at
    if polled_at is None or polled_at < since:
        ask_who_is_home(b)
        return False
    return True


def _lose(b: LockedBreakout, seats: Iterable[Seat]) -> None:
    lost = list(seats)
    b.move_seats(lost, SeatState.LOST)
    if lost:
        people = len({seat.participant_id for seat in lost})
        b.report(ProblemKind.PEOPLE_LOST, f"{people} were not seen in the main meeting")
