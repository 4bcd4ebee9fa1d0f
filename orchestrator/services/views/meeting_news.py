"""What is new in a meeting: the difference between two pictures of it.

A picture costs the same three queries however much has happened since the last one, so a crowd that arrives in one
second is read a few times, not once for each person. What came and went between two pictures is not told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import Session, col

from orchestrator.store import queries
from orchestrator.store.queries import holds
from orchestrator.store.versions import PEOPLE
from schemas.events import MeetingEvent
from schemas.responses import (
    MeetingBreakoutMessage,
    MeetingChangedMessage,
    ParticipantRemovedMessage,
    ParticipantResponse,
    ResponseBody,
)
from schemas.states import ENDED, BreakoutState, Location
from schemas.tables import IS_UNFINISHED, Breakout, Participant

COLUMNS = (
    "id",
    "custom_participant_id",
    "name",
    "role",
    "preset_name",
    "attributes",
    "location",
    "location_room_id",
)


@dataclass(frozen=True)
class Picture:
    """A meeting as it was at one moment."""

    version: int
    changed_at: Mapping[str, int]
    people: Mapping[str, tuple[Any, ...]]
    """The columns of each person, by our id."""
    breakouts: Mapping[str, BreakoutState]
    """Of those that have not ended, or had not in the picture before."""
    newest: str
    """The id of the newest breakout; empty without one."""


Message = tuple[str, ResponseBody]
"""The name of an event, and its data."""


def picture(session: Session, meeting_id: str, before: Picture | None = None) -> Picture:
    """Return what the meeting is like now. Raises Unknown."""
    meeting = queries.meeting(session, meeting_id)
    columns = [col(getattr(Participant, name)) for name in COLUMNS]
    mine = select(*columns).where(col(Participant.meeting_id) == meeting_id)
    people = session.execute(mine.order_by(col(Participant.id)))
    breakouts = _breakouts(session, meeting_id, before)
    newest = max([*breakouts, before.newest if before else ""], default="")
    return Picture(
        version=meeting.version,
        changed_at=meeting.changed_at,
        people={row[0]: tuple(row) for row in people},
        breakouts=breakouts,
        newest=newest,
    )


def _breakouts(session: Session, meeting_id: str, before: Picture | None) -> dict[str, BreakoutState]:
    unfinished = holds(Breakout, IS_UNFINISHED)
    which = unfinished if before is None else or_(unfinished, col(Breakout.id) > before.newest, _known(before))
    statement = select(col(Breakout.id), col(Breakout.state)).where(col(Breakout.meeting_id) == meeting_id, which)
    return dict(session.execute(statement).all())


def _known(before: Picture) -> Any:
    return col(Breakout.id).in_([row_id for row_id, state in before.breakouts.items() if state not in ENDED])


def differences(before: Picture, now: Picture) -> Iterator[Message]:
    """Yield what is to be told of the way from one picture to the next."""
    fields = sorted(name for name, version in now.changed_at.items() if version > before.version and name != PEOPLE)
    if fields:
        yield MeetingEvent.CHANGED, MeetingChangedMessage(fields=fields)
    for row_id, row in before.people.items():
        if row_id not in now.people:
            yield MeetingEvent.PARTICIPANT_REMOVED, ParticipantRemovedMessage(custom_participant_id=row[1])
    for row_id, row in now.people.items():
        if before.people.get(row_id) != row:
            yield MeetingEvent.PARTICIPANT, _person(row)
    for row_id, state in now.breakouts.items():
        if before.breakouts.get(row_id) is not state:
            yield MeetingEvent.BREAKOUT, MeetingBreakoutMessage(id=row_id, state=state)


def _person(row: tuple[Any, ...]) -> ParticipantResponse:
    row_id, custom_id, name, role, preset_name, attributes, location, room_id = row
    return ParticipantResponse(
        id=row_id,
        custom_participant_id=custom_id,
        name=name,
        role=role,
        preset_name=preset_name,
        attributes=attributes,
        present=location is not Location.AWAY,
        location=location,
        room_id=room_id,
    )
