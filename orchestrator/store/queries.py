"""Named queries that several services share.

Locks are taken in this order, so that nobody waits in a circle: breakout → meeting → rooms → seats → participants;
of several rows of one table in the order of their ids. They are all FOR NO KEY UPDATE, which leaves foreign keys that
point to the row alone. The breakout comes first of all: its turn (`Transaction.take_turn`) is waited for without a
connection.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlmodel import Session, col

from orchestrator.errors import Unknown
from orchestrator.store.database import Transaction
from schemas.states import LIVE, BreakoutState, SeatState
from schemas.tables import Breakout, Meeting, Participant, Presence, Recording, Room, Seat


def take_turn(tx: Transaction, breakout_id: str) -> None:
    """Wait until nobody else in this process is at the breakout, and before anything of it is locked."""
    tx.take_turn(f"breakout {breakout_id}")


def lock_breakout(tx: Transaction, breakout_id: str) -> Breakout:
    """The breakout, locked: whoever decides over more than one of its rows does this first. Raises Unknown."""
    take_turn(tx, breakout_id)
    statement = select(Breakout).where(col(Breakout.id) == breakout_id).with_for_update(key_share=True)
    found = tx.session.scalar(statement, execution_options={"populate_existing": True})
    if found is None:
        raise Unknown(f"there is no breakout {breakout_id}")
    return found


def lock_breakout_of(tx: Transaction, meeting_id: str) -> Breakout | None:
    """The meeting's breakout that facts are about, locked: the one that runs, else the one that closed last.

    To be called before anything else in the transaction: what was read is forgotten while it waits for its turn.
    """
    running = case((col(Breakout.state).in_(LIVE), 0), else_=1)
    newest = select(col(Breakout.id)).where(
        col(Breakout.meeting_id) == meeting_id, col(Breakout.state).in_({*LIVE, BreakoutState.CLOSED})
    )
    breakout_id = tx.session.scalar(newest.order_by(running, col(Breakout.id).desc()).limit(1))
    tx.session.rollback()
    return lock_breakout(tx, breakout_id) if breakout_id else None


def meeting(session: Session, meeting_id: str) -> Meeting:
    """The parent meeting. Raises Unknown."""
    found = session.get(Meeting, meeting_id)
    if found is None:
        raise Unknown(f"there is no meeting {meeting_id}")
    return found


def lock_meeting(tx: Transaction, meeting_id: str) -> Meeting:
    """The parent meeting, locked: two breakouts of it are planned or begun one after the other. Raises Unknown."""
    found = tx.session.scalar(select(Meeting).where(col(Meeting.id) == meeting_id).with_for_update(key_share=True))
    if found is None:
        raise Unknown(f"there is no meeting {meeting_id}")
    return found


def participant(session: Session, meeting_id: str, custom_participant_id: str) -> Participant:
    """A person of a meeting by the caller's own id. Raises Unknown."""
    statement = select(Participant).where(
        col(Participant.meeting_id) == meeting_id, col(Participant.custom_participant_id) == custom_participant_id
    )
    found = session.scalar(statement)
    if found is None:
        raise Unknown(f"meeting {meeting_id} has no participant {custom_participant_id!r}")
    return found


def custom_ids(tx: Transaction, participant_ids: Iterable[str]) -> dict[str, str]:
    """The callers' own ids of people, for the log; asked for only once in a transaction."""
    if unknown := set(participant_ids) - tx.names.keys():
        statement = select(col(Participant.id), col(Participant.custom_participant_id)).where(
            col(Participant.id).in_(unknown)
        )
        tx.names.update(tx.session.execute(statement).all())
    return tx.names


def seats_of_rooms(tx: Transaction, room_ids: Iterable[str]) -> defaultdict[str, list[Seat]]:
    """The present seats of rooms, by room; the names of their people are learned with them."""
    found: defaultdict[str, list[Seat]] = defaultdict(list)
    for seat in _seats(tx, col(Seat.room_id).in_(list(room_ids))):
        found[seat.room_id].append(seat)
    return found


def wanted_seats(tx: Transaction, breakout_id: str) -> list[Seat]:
    """Everybody's present seat in a breakout; their names are learned with them."""
    return _seats(tx, col(Seat.breakout_id) == breakout_id)


def _seats(tx: Transaction, condition: ColumnElement[bool]) -> list[Seat]:
    statement = (
        select(Seat, col(Participant.custom_participant_id))
        .join(Participant, col(Participant.id) == col(Seat.participant_id))
        .where(condition, col(Seat.wanted))
    )
    rows = tx.session.execute(statement, execution_options={"populate_existing": True}).all()
    tx.names.update((seat.participant_id, name) for seat, name in rows)
    return [seat for seat, _ in rows]


def places(session: Session, participant_ids: Iterable[str]) -> dict[str, set[str | None]]:
    """Where people are right now: room ids, and None for the parent meeting."""
    statement = select(col(Presence.participant_id), col(Presence.room_id)).where(
        col(Presence.participant_id).in_(list(participant_ids)), col(Presence.left_at).is_(None)
    )
    found: dict[str, set[str | None]] = {}
    for participant_id, room_id in session.execute(statement):
        found.setdefault(participant_id, set()).add(room_id)
    return found


def occupied_rooms(session: Session, room_ids: Iterable[str]) -> set[str]:
    """Those of the rooms in which somebody is known to be."""
    statement = select(col(Presence.room_id)).where(
        col(Presence.room_id).in_(list(room_ids)), col(Presence.left_at).is_(None)
    )
    return {room_id for room_id in session.scalars(statement.distinct()) if room_id is not None}


def rooms_with_unseen(session: Session, room_ids: Iterable[str]) -> set[str]:
    """Those of the rooms to which somebody was let in whom nobody saw there, who need not have stayed away."""
    statement = select(col(Seat.room_id)).where(
        col(Seat.room_id).in_(list(room_ids)),
        col(Seat.wanted),
        col(Seat.state) == SeatState.NEVER_JOINED,
        col(Seat.auth_token).is_not(None),
    )
    return set(session.scalars(statement.distinct()))


def refilled_rooms(session: Session, room_ids: Iterable[str]) -> dict[str, datetime]:
    """Those of the rooms that were empty before the first of those came who are there; and when that was."""
    here = case((col(Presence.left_at).is_(None), col(Presence.joined_at)))
    came, emptied = func.min(here), func.max(col(Presence.left_at))
    statement = select(col(Presence.room_id), came).where(col(Presence.room_id).in_(list(room_ids)))
    found = session.execute(statement.group_by(col(Presence.room_id)).having(came > emptied))
    return {room_id: since for room_id, since in found if room_id is not None}


def recordings_of(session: Session, room_ids: Iterable[str]) -> list[Recording]:
    """All recordings of rooms, the oldest first."""
    statement = select(Recording).where(col(Recording.room_id).in_(list(room_ids))).order_by(col(Recording.id))
    return list(session.scalars(statement).all())


def room_sizes(session: Session, breakout_id: str) -> dict[str, int]:
    """How many present seats each room of a breakout has."""
    statement = (
        select(col(Seat.room_id), func.count()).where(col(Seat.breakout_id) == breakout_id, col(Seat.wanted))
    ).group_by(col(Seat.room_id))
    return dict(session.execute(statement).all())


def counts(
    session: Session, table: type[Room] | type[Seat] | type[Recording], breakout_ids: Iterable[str]
) -> defaultdict[str, Counter[Any]]:
    """How many rows of each breakout are in which state; of seats only the present ones."""
    columns: Any = table
    statement = select(columns.breakout_id, columns.state, func.count()).where(
        columns.breakout_id.in_(list(breakout_ids))
    )
    if table is Seat:
        statement = statement.where(columns.wanted)
    found: defaultdict[str, Counter[Any]] = defaultdict(Counter)
    for breakout_id, state, number in session.execute(statement.group_by(columns.breakout_id, columns.state)):
        found[breakout_id][state] = number
    return found


def rooms_of(session: Session, breakout_id: str) -> list[Room]:
    """A breakout's rooms in their order."""
    statement = select(Room).where(col(Room.breakout_id) == breakout_id).order_by(col(Room.index))
    return list(session.scalars(statement).all())


def raise_versions(tx: Transaction, meeting_id: str, participant_ids: Iterable[str] | None = None) -> None:
    """What the seats of these people (all of the meeting's, by default) say has changed: tell their streams.

    It is written at the end of the transaction, for all who were named in it at once.
    """
    tx.raised.setdefault(meeting_id, set())
    whose = tx.raised[meeting_id]
    tx.raised[meeting_id] = None if participant_ids is None or whose is None else whose | set(participant_ids)
    tx.wake(f"seats:{meeting_id}")
