"""Messages of seat streams beside the seat itself, read from the breakouts' logs for many people at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from sqlalchemy import and_, or_, select
from sqlmodel import Session, col

from orchestrator.store.queries import holds
from schemas.events import EventType
from schemas.responses import BroadcastMessage, ClosingMessage, ResponseBody, WarningMessage
from schemas.states import LIVE, BreakoutState
from schemas.tables import IS_LIVE, Breakout, Event, Seat

STREAMED = (EventType.BREAKOUT_STATE, EventType.BREAKOUT_WARNING, EventType.BREAKOUT_BROADCAST)
"""Types of events that may become messages."""
BROADCAST, CLOSING, WARNING = "broadcast", "closing", "warning"
ROUNDING_SECONDS = 0.5
"""A warning is given so much too early at most, because its seconds are whole."""


@dataclass(frozen=True)
class Head:
    """The number of the last event in a breakout's log."""

    breakout_id: str
    meeting_id: str
    number: int
    live: bool


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
    ends_at: datetime | None = None
    """The end that a warning or a closing announces; None for one that has been overtaken."""

    @cached_property
    def text(self) -> str:
        """The data as JSON in ASCII, written once for all whom it concerns."""
        return self.data.model_dump_json(ensure_ascii=True)

    def concerns(self, participant_id: str) -> bool:
        """Return whether this person gets the message."""
        return self.people is None or participant_id in self.people

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
    statement = select(col(Breakout.id), col(Breakout.meeting_id), col(Breakout.events), col(Breakout.state)).where(
        col(Breakout.meeting_id).in_(meeting_ids),
        or_(holds(Breakout, IS_LIVE), col(Breakout.id).in_(breakout_ids)),
    )
    if only is not None:
        statement = statement.where(col(Breakout.id).in_(only))
    return [
        Head(breakout_id, meeting_id, number, state in LIVE)
        for breakout_id, meeting_id, number, state in session.execute(statement)
    ]


def after(session: Session, cursors: Mapping[str, int]) -> list[News]:
    """Return the messages of these breakouts after the number given for each, in the order of the logs."""
    if not cursors:
        return []
    beyond = [
        and_(col(Event.breakout_id) == breakout_id, col(Event.number) > number)
        for breakout_id, number in cursors.items()
    ]
    statement = (
        select(Event, Breakout)
        .join(Breakout, col(Breakout.id) == col(Event.breakout_id))
        .where(or_(*beyond), col(Event.type).in_(STREAMED))
        .order_by(col(Event.breakout_id), col(Event.number))
    )
    rows = session.execute(statement).all()
    seated = _seated(session, {room_id for event, _ in rows for room_id in event.data.get("room_ids") or ()})
    return [
        News(
            event.breakout_id,
            breakout.meeting_id,
            event.number,
            *message,
            _people(event, seated),
            _end(event, breakout),
        )
        for event, breakout in rows
        if (message := _message(event, breakout.empties_at))
    ]


def _message(event: Event, empties_at: datetime | None) -> tuple[str, ResponseBody] | None:
    """Return the name and the data of an event's message; None when it has none."""
    if event.type == EventType.BREAKOUT_BROADCAST:
        return BROADCAST, BroadcastMessage(text=event.data["text"])
    if event.type == EventType.BREAKOUT_WARNING:
        return WARNING, WarningMessage(remaining_seconds=event.data["remaining_seconds"])
    if event.data["to"] == BreakoutState.CLOSING:
        return CLOSING, ClosingMessage(countdown_seconds=_countdown(event, empties_at))
    return None


def _end(event: Event, breakout: Breakout) -> datetime | None:
    """Return the end that an event's message announces, by what is stored now; None if it announces none any more."""
    match breakout.state:
        case BreakoutState.OPEN if event.type == EventType.BREAKOUT_WARNING:
            return breakout.closes_at
        case BreakoutState.CLOSING if event.type == EventType.BREAKOUT_STATE and breakout.sent_home_at is None:
            return breakout.empties_at
    return None


def _countdown(event: Event, empties_at: datetime | None) -> int:
    """Return the seconds from the beginning of the closing until the seats point to main."""
    left = 0.0 if empties_at is None else (empties_at - event.at).total_seconds()
    return max(0, round(left))


def _people(event: Event, seated: Mapping[str, set[str]]) -> frozenset[str] | None:
    room_ids = event.data.get("room_ids")
    return None if room_ids is None else frozenset().union(*(seated.get(room_id, ()) for room_id in room_ids))


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
