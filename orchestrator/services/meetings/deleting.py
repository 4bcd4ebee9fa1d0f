"""Deleting a parent meeting with all that is stored of it. RealtimeKit's meeting stays as it is."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, delete, or_, select
from sqlmodel import SQLModel, col

from orchestrator.errors import WrongState
from orchestrator.services.deps import Deps
from orchestrator.services.people import departed
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.endpoints import forget_meeting, is_forgotten
from orchestrator.store.queries import lock_meeting
from schemas.events import Topic
from schemas.problems import ProblemCode
from schemas.states import LIVE, BreakoutState
from schemas.tables import Breakout, IdempotencyKey, Inbox, Leftover, Meeting, Recording, Room, Seat, Solve


def delete_meeting(deps: Deps, meeting_id: str) -> None:
    """Delete a meeting. Raises Unknown, WrongState while one of its breakouts runs.

    1. Delete what is to be said of it to callers' endpoints, which are locked before breakouts.
    2. Lock its breakouts and its inbox, then the meeting: nothing of it starts, and no fact is applied meanwhile. Then
       lock whatever passes work on.
    3. Keep the ids of rooms that are still to be retired at RealtimeKit, and of nothing else.
    4. Delete everything, what points to something before that. Tables are found by their foreign keys.
    """
    while not _is_deleted(deps, meeting_id):
        pass  # a breakout was planned or an endpoint made meanwhile, and is to be locked in its turn like the others


def _is_deleted(deps: Deps, meeting_id: str) -> bool:
    with deps.database.transaction() as tx:
        forget_meeting(tx, meeting_id)
        breakouts = _lock_all(tx, meeting_id)
        if breakouts is None:
            tx.undo()
            return False
        _keep_rooms_to_retire(deps, tx, meeting_id)
        _keep_places(tx, meeting_id)
        _delete_answers(tx, meeting_id)
        _delete_rows(tx, meeting_id)
        tx.wake(Topic.SEATS.of(meeting_id))
        tx.wake(Topic.MEETING.of(meeting_id))
    return True


def _lock_all(tx: Transaction, meeting_id: str) -> Sequence[Breakout] | None:
    """Lock a meeting and all that is of it, and return its breakouts. None for something that came meanwhile.

    Raises WrongState while one of them runs, before anything is locked that its passes work on.

    Rows are first locked as by anybody else, so that passes over them can end. Who inserts what points to them is
    waited for after that: nobody who is waited for waits for a row that is locked here.
    """
    breakouts = _lock_breakouts(tx, meeting_id)
    _require_none_live(breakouts)
    tx.session.execute(select(col(Inbox.id)).where(col(Inbox.id) == meeting_id).with_for_update())
    lock_meeting(tx, meeting_id)
    its_breakouts = select(col(Breakout.id)).where(col(Breakout.meeting_id) == meeting_id).order_by(col(Breakout.id))
    ids = [breakout.id for breakout in breakouts]
    if tx.session.scalars(its_breakouts).all() != ids:
        return None
    rooms = select(col(Room.id)).where(col(Room.breakout_id).in_(ids)).order_by(col(Room.id))
    recordings = select(col(Recording.id)).where(col(Recording.breakout_id).in_(ids)).order_by(col(Recording.id))
    solves = select(col(Solve.id)).where(col(Solve.id).in_(ids)).order_by(col(Solve.id))
    for statement in (rooms, recordings, solves):
        tx.session.execute(statement.with_for_update(key_share=True))
    meeting = select(col(Meeting.id)).where(col(Meeting.id) == meeting_id)
    for statement in (meeting, its_breakouts, rooms):
        tx.session.execute(statement.with_for_update())
    return breakouts if is_forgotten(tx, meeting_id) else None


def _require_none_live(breakouts: Sequence[Breakout]) -> None:
    for breakout in breakouts:
        if breakout.state in LIVE:
            words = "a breakout of this meeting runs: close it first"
            allowed = (state.value for state in BreakoutState if state not in LIVE)
            raise WrongState(
                words, breakout.state.value, allowed, ProblemCode.BREAKOUT_RUNNING, breakout_id=breakout.id
            )


def _lock_breakouts(tx: Transaction, meeting_id: str) -> Sequence[Breakout]:
    mine = select(Breakout).where(col(Breakout.meeting_id) == meeting_id)
    statement = mine.order_by(col(Breakout.id)).with_for_update(key_share=True)
    return tx.session.scalars(statement, execution_options={"populate_existing": True}).all()


def _keep_rooms_to_retire(deps: Deps, tx: Transaction, meeting_id: str) -> None:
    """Keep the ids of child meetings that are there, or that may be, and are not retired."""
    may_be_there = or_(col(Room.realtimekit_meeting_id).is_not(None), col(Room.in_doubt_since).is_not(None))
    statement = (
        select(col(Room.key), col(Room.realtimekit_meeting_id), col(Room.first_in_doubt_at), col(Room.in_doubt_since))
        .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
        .where(col(Breakout.meeting_id) == meeting_id, may_be_there)
        .where(or_(col(Room.retired_at).is_(None), col(Room.kept)))
    )
    rooms = [
        [key, its_id, doubt.isoformat() if (doubt := first or since) else None]
        for key, its_id, first, since in tx.session.execute(statement)
    ]
    if rooms:
        until = tx.now() + departed.longest_pass(deps)
        tx.session.add(Leftover(id=meeting_id, meeting_id=meeting_id, rooms=rooms, until=until))
        tx.session.flush()
        due.want(tx, Leftover, [meeting_id])


def _keep_places(tx: Transaction, meeting_id: str) -> None:
    """Keep in which meetings at RealtimeKit people may have records who have left for good, and are not removed yet."""
    rows = tx.session.scalars(select(Leftover).where(col(Leftover.meeting_id) == meeting_id)).all()
    main = select(col(Meeting.realtimekit_meeting_id)).where(col(Meeting.id) == meeting_id)
    for row in rows:
        if row.person is not None:
            rooms = (
                select(col(Room.realtimekit_meeting_id))
                .join(Seat, col(Seat.room_id) == col(Room.id))
                .where(col(Seat.participant_id).in_(departed.stood_for(tx.session, row)))
                .where(col(Seat.realtimekit_participant_id).is_not(None))
            )
            found = {*row.places, *tx.session.scalars(main), *tx.session.scalars(rooms)}
            row.places = sorted(place for place in found if place)


def _delete_answers(tx: Transaction, meeting_id: str) -> None:
    """Delete the answers that are kept for repeated requests. That of its making shows it too."""
    about = col(IdempotencyKey.about)
    breakouts = select(col(Breakout.id)).where(col(Breakout.meeting_id) == meeting_id)
    _delete(tx, IdempotencyKey, or_(about == meeting_id, about.in_(breakouts)))
    shows = col(IdempotencyKey.answer).startswith(f'{{"id":"{meeting_id}"', autoescape=True)
    _delete(tx, IdempotencyKey, about.is_(None), shows)


def _delete(tx: Transaction, table: Any, *which: Any) -> None:
    tx.session.execute(delete(table).where(*which).execution_options(synchronize_session=False))


def _delete_rows(tx: Transaction, meeting_id: str) -> None:
    """Delete the rows of all tables that point to the meeting, or to something of it, and at last the meeting."""
    for table in reversed(SQLModel.metadata.sorted_tables):
        for column, target in _ways(table):
            _delete(tx, table, column.in_(_ids(target, meeting_id)))
    _delete(tx, Meeting, col(Meeting.id) == meeting_id)


def _ways(table: Table) -> list[tuple[Any, Table]]:
    """Return the columns by which a table points to a meeting or to something of it, the shortest way first."""
    ways = [(key.parent, key.column.table) for key in table.foreign_keys if _steps(key.column.table) is not None]
    return sorted(ways, key=lambda way: (_steps(way[1]), way[0].name))


@cache
def _steps(table: Table) -> int | None:
    """Return how many keys lead from a table to the meeting; None when none does."""
    if table.name == Meeting.__tablename__:
        return 0
    steps = [_steps(key.column.table) for key in table.foreign_keys]
    return min((1 + step for step in steps if step is not None), default=None)


def _ids(table: Table, meeting_id: str) -> Any:
    """Return the ids of the meeting's rows in a table, by the shortest way."""
    key = next(iter(table.primary_key))
    if table.name == Meeting.__tablename__:
        return select(key).where(key == meeting_id)
    column, target = _ways(table)[0]
    return select(key).where(column.in_(_ids(target, meeting_id)))
