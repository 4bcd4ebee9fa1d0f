"""Named queries that several services share."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, func, literal_column, or_, select
from sqlmodel import Session, SQLModel, col

from orchestrator.errors import Unknown
from orchestrator.store.aliases import shared_alias
from orchestrator.store.database import Transaction, execute
from schemas.problems import ProblemCode
from schemas.states import RoomState, RoomWanted, SeatState
from schemas.tables import Deployment, Fact, Meeting, Participant, Presence, Recording, Room, Seat

_REGISTERED = select(col(Participant.custom_participant_id), col(Participant.id), col(Participant.created_at)).where(
    col(Participant.meeting_id) == bindparam("of")
)
_REGISTERED_AS = _REGISTERED.where(col(Participant.custom_participant_id).in_(bindparam("names")))
_PLACES = select(col(Presence.participant_id), col(Presence.room_id)).where(
    col(Presence.participant_id).in_(bindparam("of")), col(Presence.left_at).is_(None)
)
_OCCUPIED = (
    select(col(Presence.room_id))
    .where(col(Presence.room_id).in_(bindparam("some")), col(Presence.left_at).is_(None))
    .distinct()
)
_ROOMS = select(Room).where(col(Room.breakout_id) == bindparam("of"), ~col(Room.dropped)).order_by(col(Room.index))
_PRESENT = shared_alias(Seat)
_HAS_ONE = exists().where(
    col(_PRESENT.breakout_id) == col(Seat.breakout_id),
    col(_PRESENT.participant_id) == col(Seat.participant_id),
    col(_PRESENT.wanted),
)
_SENT_HOME = (SeatState.LOST, SeatState.RETURNED, SeatState.RETURNING)
"""States of a seat whose person was in the room, the one first that says least of where they are."""
_WITHOUT_SEAT = (
    select(col(Seat.breakout_id), col(Seat.participant_id), col(Seat.state))
    .join(Room, col(Room.id) == col(Seat.room_id))
    .where(
        col(Seat.breakout_id).in_(bindparam("of")),
        ~col(Seat.wanted),
        or_(col(Seat.state).in_(_SENT_HOME), col(Room.deleted)),
        ~_HAS_ONE,
    )
)


def holds(table: type[SQLModel], condition: str) -> ColumnElement[bool]:
    """Return the condition of one of the table's partial indexes, for a query that is to use it.

    PostgreSQL sees that a query needs no other rows only where the values are written out, not passed. SQLite sees it
    only where the condition is the index's own: it is no Boolean here, because that would be compared with 1 there.
    """
    return literal_column(f"{table.__tablename__}.{condition}")


def meeting(session: Session, meeting_id: str) -> Meeting:
    """Return the parent meeting. Raises Unknown."""
    found = session.get(Meeting, meeting_id)
    if found is None:
        raise Unknown(f"there is no meeting {meeting_id}", ProblemCode.UNKNOWN_MEETING)
    return found


def lock_meeting(tx: Transaction, meeting_id: str) -> Meeting:
    """Lock the parent meeting, so that two of its breakouts are not begun at the same time.

    Raises Unknown, and StaleVersion when a caller expects another version.
    """
    statement = select(Meeting).where(col(Meeting.id) == meeting_id).with_for_update(key_share=True)
    found = tx.session.scalar(statement, execution_options={"populate_existing": True})
    if found is None:
        raise Unknown(f"there is no meeting {meeting_id}", ProblemCode.UNKNOWN_MEETING)
    tx.require_version(found)
    return found


def participant(session: Session, meeting_id: str, custom_participant_id: str) -> Participant:
    """Return a person of a meeting by the caller's own id. Raises Unknown."""
    statement = select(Participant).where(
        col(Participant.meeting_id) == meeting_id, col(Participant.custom_participant_id) == custom_participant_id
    )
    found = session.scalar(statement)
    if found is None:
        words = f"meeting {meeting_id} has no participant {custom_participant_id!r}"
        raise Unknown(words, ProblemCode.UNKNOWN_PARTICIPANT)
    return found


def people(session: Session, participant_ids: Iterable[str]) -> dict[str, Participant]:
    """Return people of a meeting by our ids. Who is unknown, or has left for good, is left out."""
    statement = select(Participant).where(col(Participant.id).in_(list(participant_ids)))
    return {found.id: found for found in session.scalars(statement) if found.meeting_id is not None}


class Registered(NamedTuple):
    """A person of a meeting."""

    id: str
    since: datetime
    """When they were registered, the last time if they had left for good."""


def registered(session: Session, meeting_id: str, names: Iterable[str] | None = None) -> dict[str, Registered]:
    """Return people of a meeting by the caller's own ids, by default everybody. Unknown people are left out."""
    if names is None:
        found = execute(session, _REGISTERED, {"of": meeting_id})
    else:
        found = execute(session, _REGISTERED_AS, {"of": meeting_id, "names": list(names)})
    return {name: Registered(row_id, since) for name, row_id, since in found}


def participant_ids(session: Session, meeting_id: str, names: Iterable[str]) -> dict[str, str]:
    """Return our ids of people of a meeting by the caller's own ids. Unknown people are left out."""
    return {name: person.id for name, person in registered(session, meeting_id, names).items()}


def custom_ids(session: Session, participant_ids: Iterable[str]) -> dict[str, str]:
    """Return the callers' own ids of people, by our ids. Unknown people are left out."""
    columns = col(Participant.id), col(Participant.custom_participant_id)
    return dict(session.execute(select(*columns).where(col(Participant.id).in_(list(participant_ids)))).all())


def places(session: Session, participant_ids: Iterable[str]) -> dict[str, set[str | None]]:
    """Return where each person is right now: room ids, and None for the parent meeting."""
    found: dict[str, set[str | None]] = {}
    for participant_id, room_id in execute(session, _PLACES, {"of": list(participant_ids)}):
        found.setdefault(participant_id, set()).add(room_id)
    return found


def has_waiting_facts(session: Session, meeting_id: str, until: datetime) -> bool:
    """Return whether facts about a meeting that had come by then have yet to be applied."""
    waiting = col(Fact.inbox_id) == meeting_id, col(Fact.applied_at).is_(None), col(Fact.received_at) <= until
    return session.scalar(select(col(Fact.id)).where(*waiting).limit(1)) is not None


def in_use() -> ColumnElement[bool]:
    """Return the condition that seats may point to a room: it is open, or its own countdown runs."""
    is_counting = col(Room.state) == RoomState.CLOSING, col(Room.sent_home_at).is_(None)
    return and_(col(Room.wanted) == RoomWanted.OPEN, or_(col(Room.state) == RoomState.OPEN, and_(*is_counting)))


def occupied_rooms(session: Session, room_ids: Iterable[str]) -> set[str]:
    """Return the rooms in which somebody is known to be."""
    return {
        room_id for room_id in execute(session, _OCCUPIED, {"some": list(room_ids)}).scalars() if room_id is not None
    }


def people_in(session: Session, room_ids: Iterable[str]) -> dict[str, int]:
    """Count the people who are known to be in each of these rooms. Empty rooms are left out."""
    people = func.count(func.distinct(col(Presence.participant_id)))
    statement = select(col(Presence.room_id), people).where(
        col(Presence.room_id).in_(list(room_ids)), col(Presence.left_at).is_(None)
    )
    found = session.execute(statement.group_by(col(Presence.room_id)))
    return {room_id: number for room_id, number in found if room_id is not None}


def rooms_with_unseen(session: Session, room_ids: Iterable[str]) -> set[str]:
    """Return the rooms that somebody may have entered unseen, with a token and a seat that is `never_joined`."""
    statement = (
        select(col(Seat.room_id))
        .join(Room, col(Room.id) == col(Seat.room_id))
        .where(
            col(Seat.room_id).in_(list(room_ids)),
            or_(col(Seat.wanted), col(Room.deleted)),
            col(Seat.state) == SeatState.NEVER_JOINED,
            col(Seat.auth_token).is_not(None),
        )
    )
    return set(session.scalars(statement.distinct()))


def used_seats(session: Session, *which: ColumnElement[bool]) -> set[str]:
    """Return those of these seats whose people have been in the room since they were seated there."""
    stay = col(Presence.room_id) == col(Seat.room_id), col(Presence.participant_id) == col(Seat.participant_id)
    is_of_this_time = or_(
        col(Seat.again_since).is_(None), col(Presence.left_at).is_(None), col(Presence.left_at) > col(Seat.again_since)
    )
    statement = select(col(Seat.id)).join(Presence, and_(*stay)).where(*which, is_of_this_time)
    return set(session.scalars(statement.distinct()))


@dataclass(frozen=True)
class Refill:
    """When a room was left by the last who are gone, and when the first of those came who are there now."""

    emptied_at: datetime
    filled_at: datetime


def refilled_rooms(session: Session, room_ids: Iterable[str]) -> dict[str, Refill]:
    """Return the rooms that were empty before their present people came."""
    here = case((col(Presence.left_at).is_(None), col(Presence.joined_at)))
    came, emptied = func.min(here), func.max(col(Presence.left_at))
    statement = select(col(Presence.room_id), emptied, came).where(col(Presence.room_id).in_(list(room_ids)))
    found = session.execute(statement.group_by(col(Presence.room_id)).having(came > emptied))
    return {room_id: Refill(*times) for room_id, *times in found if room_id is not None}


def first_there(session: Session, room_id: str) -> datetime | None:
    """Return when the first of the people came who are in a room; None while nobody is known to be there."""
    here = col(Presence.room_id) == room_id, col(Presence.left_at).is_(None)
    return session.scalar(select(func.min(col(Presence.joined_at))).where(*here))


def longest_stay(session: Session, room_id: str, since: datetime, now: datetime) -> tuple[datetime, datetime] | None:
    """Return from when to when one device was in a room for longest, after `since`. None if none was."""
    ever = col(Presence.room_id) == room_id, or_(col(Presence.left_at).is_(None), col(Presence.left_at) > since)
    rows = session.execute(select(col(Presence.joined_at), col(Presence.left_at)).where(*ever))
    stays = [(max(joined_at, since), left_at or now) for joined_at, left_at in rows]
    return max(stays, key=lambda stay: stay[1] - stay[0], default=None)


def recordings_of(session: Session, room_ids: Iterable[str]) -> list[Recording]:
    """Return all recordings of these rooms, the oldest first."""
    statement = select(Recording).where(col(Recording.room_id).in_(list(room_ids))).order_by(col(Recording.id))
    return list(session.scalars(statement).all())


def room_sizes(session: Session, breakout_id: str) -> dict[str, int]:
    """Count the present seats of each room of a breakout."""
    statement = (
        select(col(Seat.room_id), func.count()).where(col(Seat.breakout_id) == breakout_id, col(Seat.wanted))
    ).group_by(col(Seat.room_id))
    return dict(session.execute(statement).all())


def without_seat(session: Session, breakout_ids: Iterable[str]) -> dict[tuple[str, str], SeatState]:
    """Return, by breakout and person, the state in which people are who have no present seat, but had one.

    They were sent to main from a room where they had been, or from a deleted one. Of several such seats the one counts
    that says most of where the person is.
    """
    rank = {state: number for number, state in enumerate(_SENT_HOME)}
    found = execute(session, _WITHOUT_SEAT, {"of": list(breakout_ids)})
    rows = sorted(found, key=lambda row: rank.get(row[2], -1))
    return {(breakout_id, person_id): state for breakout_id, person_id, state in rows}


def counts(
    session: Session, table: type[Room] | type[Seat] | type[Recording], breakout_ids: Iterable[str]
) -> defaultdict[str, Counter[Any]]:
    """Count the rows of each breakout by state, of rooms without those that a plan dropped.

    Of a person's seats the present one counts, else the one from which they were sent to main.
    """
    ids = list(breakout_ids)
    found: defaultdict[str, Counter[Any]] = defaultdict(Counter)
    for breakout_id, state, number in execute(session, _counted(table), {"of": ids}):
        found[breakout_id][state] = number
    if table is Seat:
        for (breakout_id, _), state in without_seat(session, ids).items():
            found[breakout_id][state] += 1
    return found


@cache
def _counted(table: type[Room] | type[Seat] | type[Recording]) -> Select[Any]:
    columns: Any = table
    statement = select(columns.breakout_id, columns.state, func.count()).where(columns.breakout_id.in_(bindparam("of")))
    if table is Seat:
        statement = statement.where(columns.wanted)
    if table is Room:
        statement = statement.where(~columns.dropped)
    return statement.group_by(columns.breakout_id, columns.state)


def hash_key(session: Session) -> str:
    """Return the key of the hashes by which people are remembered who have left for good, or were forgotten."""
    return session.scalars(select(col(Deployment.hash_key))).one()


def rooms_of(session: Session, breakout_id: str) -> list[Room]:
    """Return a breakout's rooms in their order, without those that its plan dropped."""
    return list(session.scalars(_ROOMS, {"of": breakout_id}).all())
