"""Messages of seat streams beside the seat itself, read from the breakouts' logs for many people at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlmodel import Session, col

from orchestrator.domain.timing import closes_by, earliest
from orchestrator.store.queries import holds
from schemas.events import EventType
from schemas.responses import BroadcastMessage, ClosingMessage, ResponseBody, WarningMessage
from schemas.states import LIVE, BreakoutState, CloseReason, RoomState
from schemas.tables import IS_LIVE, Breakout, Event, Room, Seat

STREAMED = (EventType.BREAKOUT_STATE, EventType.BREAKOUT_WARNING, EventType.BREAKOUT_BROADCAST)
"""Types of events that may become messages; besides them a room that begins to close by itself."""
TIMED = (EventType.BREAKOUT_STATE, EventType.BREAKOUT_WARNING, EventType.ROOM_STATE)
"""Types of events whose messages depend on rooms' own ends."""
BROADCAST, CLOSING, WARNING = "broadcast", "closing", "warning"
ROUNDING_SECONDS = 0.5
"""A warning is given so much too early at most, because its seconds are whole."""


MOST_MISSED = 20
"""Breakouts that have begun and closed while a browser was away, of which it is told at most."""
NEVER = datetime.min.replace(tzinfo=UTC)
"""When a breakout began that has not: before all others."""
_HEAD: tuple[Any, ...] = (
    col(Breakout.id),
    col(Breakout.meeting_id),
    col(Breakout.events),
    col(Breakout.state),
    col(Breakout.starts_at),
)


@dataclass(frozen=True)
class Head:
    """The number of the last event in a breakout's log."""

    breakout_id: str
    meeting_id: str
    number: int
    live: bool
    began_at: datetime


@dataclass(frozen=True)
class News:
    """One message for people of a meeting, and the number of its event in the breakout's log."""

    breakout_id: str
    meeting_id: str
    number: int
    event: str
    data: ResponseBody
    people: frozenset[str] | None
    """The participants whom it concerns; None: everybody of the meeting."""
    others: frozenset[str]
    """The participants whom it does not concern, because their room closes before."""
    ends_at: datetime | None = None
    """The end that a warning or a closing announces; None for one that has been overtaken."""

    @cached_property
    def text(self) -> str:
        """The data as JSON in ASCII, written once for all whom it concerns."""
        return self.data.model_dump_json(ensure_ascii=True)

    def concerns(self, participant_id: str) -> bool:
        """Return whether this person gets the message."""
        return participant_id not in self.others and (self.people is None or participant_id in self.people)

    def still_holds(self, now: datetime) -> bool:
        """Return whether the end that it announces is still to come, and is not later by now than it says."""
        left = self._left(now)
        if not isinstance(self.data, WarningMessage):
            return left > 0
        return 0 < left <= self.data.remaining_seconds + ROUNDING_SECONDS

    def with_what_is_left(self, now: datetime) -> "News":
        """Return the same with the seconds that are left now."""
        left = max(1, round(self._left(now)))
        if isinstance(self.data, WarningMessage):
            return replace(self, data=WarningMessage(remaining_seconds=left))
        return replace(self, data=ClosingMessage(countdown_seconds=left))

    def _left(self, now: datetime) -> float:
        return 0.0 if self.ends_at is None else (self.ends_at - now).total_seconds()


def missed(items: Sequence[News], now: datetime) -> list[News]:
    """Return what a browser that comes back is told of these: broadcasts, and the latest other one that still holds."""
    latest = next((it for it in reversed(items) if it.event != BROADCAST and it.still_holds(now)), None)
    told = [it for it in items if it.event == BROADCAST or it is latest]
    return [it.with_what_is_left(now) if it is latest else it for it in told]


def heads(
    session: Session,
    meeting_ids: Collection[str],
    breakout_ids: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[Head]:
    """Return the heads of these meetings' live breakouts, and of those in `breakout_ids` whether live or not.

    `only` leaves out all other breakouts.
    """
    statement = select(*_HEAD).where(
        col(Breakout.meeting_id).in_(meeting_ids),
        or_(holds(Breakout, IS_LIVE), col(Breakout.id).in_(breakout_ids)),
    )
    if only is not None:
        statement = statement.where(col(Breakout.id).in_(only))
    return _heads(session, statement)


def closed_heads(session: Session, meeting_ids: Collection[str]) -> list[Head]:
    """Return the heads of the breakouts of these meetings that began last and have closed, at most MOST_MISSED each."""
    if not meeting_ids:
        return []
    newest_first = func.row_number().over(
        partition_by=col(Breakout.meeting_id), order_by=(col(Breakout.starts_at).desc(), col(Breakout.id).desc())
    )
    closed = col(Breakout.meeting_id).in_(meeting_ids), col(Breakout.state) == BreakoutState.CLOSED
    ranked = select(*_HEAD, newest_first.label("place")).where(*closed).subquery()
    columns = [ranked.c[column.key] for column in _HEAD]
    return _heads(session, select(*columns).where(ranked.c.place <= MOST_MISSED).order_by(ranked.c.place))


def _heads(session: Session, statement: Select[Any]) -> list[Head]:
    return [
        Head(breakout_id, meeting_id, number, state in LIVE, starts_at or NEVER)
        for breakout_id, meeting_id, number, state, starts_at in session.execute(statement)
    ]


def after(session: Session, cursors: Mapping[str, int]) -> list[News]:
    """Return the messages of these breakouts after the number given for each, in the order of the logs."""
    if not cursors:
        return []
    beyond = [
        and_(col(Event.breakout_id) == breakout_id, col(Event.number) > number)
        for breakout_id, number in cursors.items()
    ]
    room_closes = (col(Event.type) == EventType.ROOM_STATE) & (col(Event.data)["to"].as_string() == RoomState.CLOSING)
    statement = (
        select(Event, Breakout)
        .join(Breakout, col(Breakout.id) == col(Event.breakout_id))
        .where(or_(*beyond), or_(col(Event.type).in_(STREAMED), room_closes))
        .order_by(col(Event.breakout_id), col(Event.number))
    )
    rows = session.execute(statement).all()
    rooms = _rooms(session, {event.breakout_id for event, _ in rows if event.type in TIMED})
    seated = _seated(session, {*rooms, *(room_id for event, _ in rows for room_id in _rooms_of(event) or ())})
    return [
        News(
            event.breakout_id,
            breakout.meeting_id,
            event.number,
            *message,
            _people(_rooms_of(event), seated),
            _told_before(event, breakout, rooms, seated),
            _end(event, breakout, rooms),
        )
        for event, breakout in rows
        if (message := _message(event, breakout, rooms))
    ]


def _rooms(session: Session, breakout_ids: Collection[str]) -> dict[str, Room]:
    """Return the rooms of these breakouts that have an end of their own, or close by themselves."""
    if not breakout_ids:
        return {}
    has_own = or_(col(Room.own_end).is_not(None), col(Room.empties_at).is_not(None))
    statement = select(Room).where(col(Room.breakout_id).in_(breakout_ids), has_own)
    return {room.id: room for room in session.scalars(statement)}


def _rooms_of(event: Event) -> list[str] | None:
    """Return the rooms whose people an event concerns; None: everybody."""
    rooms: list[str] | None = [event.data["room_id"]] if _is_of_room(event) else event.data.get("room_ids")
    return rooms


def _is_of_room(event: Event) -> bool:
    return event.type == EventType.ROOM_STATE


def _message(event: Event, breakout: Breakout, rooms: Mapping[str, Room]) -> tuple[str, ResponseBody] | None:
    """Return the name and the data of an event's message; None when it has none."""
    if event.type == EventType.BREAKOUT_BROADCAST:
        return BROADCAST, BroadcastMessage(text=event.data["text"])
    if event.type == EventType.BREAKOUT_WARNING:
        return WARNING, WarningMessage(remaining_seconds=event.data["remaining_seconds"])
    if _is_of_room(event):
        return _closing_of_room(event, rooms.get(event.data["room_id"]))
    if event.data["to"] == BreakoutState.CLOSING:
        return CLOSING, ClosingMessage(countdown_seconds=_seconds(event.at, breakout.empties_at))
    return None


def _closing_of_room(event: Event, room: Room | None) -> tuple[str, ResponseBody] | None:
    """Return the message for a room that closes at its own end. One that closes otherwise has no countdown."""
    if room is None or room.close_reason is not CloseReason.TIMER:
        return None
    return CLOSING, ClosingMessage(countdown_seconds=_seconds(event.at, room.empties_at))


def _end(event: Event, breakout: Breakout, rooms: Mapping[str, Room]) -> datetime | None:
    """Return the end that an event's message announces, by what is stored now; None if it announces none any more."""
    if event.type == EventType.BREAKOUT_WARNING and breakout.state is BreakoutState.OPEN:
        concerned = (rooms[room_id] for room_id in event.data["room_ids"] or () if room_id in rooms)
        return earliest(closes_by(breakout), *(room.own_end for room in concerned))
    if _is_of_room(event):
        room = rooms.get(event.data["room_id"])
        return room.empties_at if room is not None and room.sent_home_at is None else None
    if event.type == EventType.BREAKOUT_STATE and breakout.state is BreakoutState.CLOSING:
        return breakout.empties_at if breakout.sent_home_at is None else None
    return None


def _seconds(at: datetime, empties_at: datetime | None) -> int:
    """Return the seconds from the beginning of a closing until the seats point to main."""
    left = 0.0 if empties_at is None else (empties_at - at).total_seconds()
    return max(0, round(left))


def _people(room_ids: Collection[str] | None, seated: Mapping[str, set[str]]) -> frozenset[str] | None:
    return None if room_ids is None else frozenset().union(*(seated.get(room_id, ()) for room_id in room_ids))


def _told_before(
    event: Event, breakout: Breakout, rooms: Mapping[str, Room], seated: Mapping[str, set[str]]
) -> frozenset[str]:
    """Return the people whom the closing of their breakout does not concern, because their room closes before."""
    if event.type != EventType.BREAKOUT_STATE or breakout.empties_at is None:
        return frozenset()
    end, mine = breakout.empties_at, (room for room in rooms.values() if room.breakout_id == breakout.id)
    earlier = [room.id for room in mine if room.empties_at is not None and room.empties_at <= end]
    return _people(earlier, seated) or frozenset()


def _seated(session: Session, room_ids: Collection[str]) -> dict[str, set[str]]:
    """Return the people with a present seat in each of these rooms."""
    found: dict[str, set[str]] = defaultdict(set)
    if room_ids:
        statement = select(col(Seat.room_id), col(Seat.participant_id)).where(
            col(Seat.room_id).in_(room_ids), col(Seat.wanted)
        )
        for room_id, participant_id in session.execute(statement):
            found[room_id].add(participant_id)
    return found
