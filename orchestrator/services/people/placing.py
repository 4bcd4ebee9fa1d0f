"""In which round somebody was in a child meeting that the rounds of a series share.

RealtimeKit's clock says when they came, and the database's when the rounds began and ended. The two may be some seconds
apart, so what is known besides of a stay, and of its person, counts too.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.services.people import visits
from orchestrator.services.people.stays import Stay
from schemas.states import BEGUN
from schemas.tables import Breakout, Meeting, Room, Seat, Visit

CLOCKS_APART = timedelta(seconds=5)
"""RealtimeKit's clock may be so far behind the database's. The doctor warns of less."""


@dataclass(frozen=True)
class Place:
    """A room, and when what happens in its child meeting is about it, by the database's clock."""

    room_id: str | None
    since: datetime | None = None
    """None for main, and for rooms of a breakout that has not begun."""
    emptied_at: datetime | None = None
    """When everybody was put out of it, after which nobody comes any more; None until then."""


Places = Mapping[str | None, Sequence[Place]]
"""Our rooms by RealtimeKit's meeting id, those of later rounds first; None stands for the parent meeting."""


def places_of(session: Session, meeting: Meeting, realtimekit_ids: Collection[str | None]) -> Places:
    """Return the rooms that these RealtimeKit meetings are, or were, and what the parent meeting is."""
    found: dict[str | None, list[Place]] = {meeting.realtimekit_meeting_id: [Place(None)]}
    columns = col(Room.realtimekit_meeting_id), col(Room.id), col(Breakout.state)
    statement = (
        select(*columns, col(Breakout.starts_at), col(Room.retired_at))
        .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
        .where(col(Room.realtimekit_meeting_id).in_(realtimekit_ids), col(Breakout.names_kept))
        .order_by(col(Breakout.round).desc())
    )
    for meeting_id, room_id, state, since, emptied_at in session.execute(statement):
        place = Place(room_id, since, emptied_at) if state in BEGUN else Place(room_id)
        found.setdefault(meeting_id, []).append(place)
    return found


def room_at(of_meeting: Sequence[Place], at: datetime, heard_at: datetime) -> str | None:
    """Return the room of the round in which something happened `at`, by RealtimeKit's clock, that we heard of then."""
    return _room(of_meeting, [_is_of_later(*two, at, heard_at) for two in pairwise(_begun(of_meeting))])


class Placing:
    """Places stays of some people. What is known of them in shared meetings is read at once.

    A stay that is placed is known to those after it.
    """

    def __init__(self, session: Session, found: Places, participant_ids: Collection[str]) -> None:
        self._session = session
        self._places = found
        self._people = participant_ids
        self._shared = {it.room_id for of_one in found.values() if len(_begun(of_one)) > 1 for it in of_one}
        self._visits: defaultdict[tuple[str | None, str], list[Visit]] = defaultdict(list)
        if self._shared and participant_ids:
            known = col(Visit.room_id).in_(self._shared), col(Visit.participant_id).in_(participant_ids)
            for visit in session.scalars(select(Visit).where(*known)):
                self._visits[visit.room_id, visit.participant_id].append(visit)

    def has(self, meeting_id: str) -> bool:
        """Return whether this RealtimeKit meeting is ours."""
        return meeting_id in self._places

    def in_its_room(self, stay: Stay, meeting_id: str, heard_at: datetime) -> Stay:
        """Return the stay in the room that this RealtimeKit meeting was then.

        1. A stay that is known already is where it was placed before, so that its end comes to its beginning.
        2. If the times of the rounds decide, they do.
        3. If they don't, it is of the later round if the person can't have come in the one before, or had come before.
        """
        of_meeting = self._places[meeting_id]
        begun = _begun(of_meeting)
        if len(begun) < 2:
            return replace(stay, room_id=_room(of_meeting, ()))
        known = next((it for it in begun if self._knows(it.room_id, stay)), None)
        placed = replace(stay, room_id=known.room_id if known else _room(begun, self._judged(begun, stay, heard_at)))
        if known is None:
            self._note(placed)
        return placed

    def _judged(self, begun: Sequence[Place], stay: Stay, heard_at: datetime) -> list[bool]:
        """Return of each round but the first whether the stay is of it, and not of one before."""
        by_time = [(before, _is_of_later(it, before, stay.joined_at, heard_at)) for it, before in pairwise(begun)]
        return [
            self._was_accounted_for(before, stay.participant_id) if is_later is None else is_later
            for before, is_later in by_time
        ]

    def _knows(self, room_id: str | None, stay: Stay) -> bool:
        of_device = [it for it in self._visits[room_id, stay.participant_id] if it.peer_id == stay.peer_id]
        return visits.same(of_device, stay) is not None

    def _note(self, stay: Stay) -> None:
        visit = Visit(
            room_id=stay.room_id or "",
            participant_id=stay.participant_id,
            peer_id=stay.peer_id or "",
            joined_at=stay.joined_at,
            left_at=stay.left_at,
        )
        self._visits[stay.room_id, stay.participant_id].append(visit)

    def _was_accounted_for(self, before: Place, participant_id: str) -> bool:
        """Return whether no other news is awaited of when a person came in a round.

        That is so of who never had a seat there, and of whom RealtimeKit has told another stay.
        """
        has_come = bool(self._visits[before.room_id, participant_id])
        return has_come or (before.room_id, participant_id) not in self._seats

    @cached_property
    def _seats(self) -> set[tuple[str | None, str]]:
        """Who has had a seat in which of the rooms: read only where nothing else decides."""
        columns = col(Seat.room_id), col(Seat.participant_id)
        theirs = col(Seat.room_id).in_(self._shared), col(Seat.participant_id).in_(self._people)
        return {(room_id, person_id) for room_id, person_id in self._session.execute(select(*columns).where(*theirs))}


def _begun(of_meeting: Sequence[Place]) -> list[Place]:
    return [place for place in of_meeting if place.since is not None]


def _room(of_meeting: Sequence[Place], is_later: Sequence[bool | None]) -> str | None:
    """Return the room of the last round that something is of. What is of no later one is of the first.

    While none has begun, it is about the first that is planned.
    """
    begun = _begun(of_meeting) or of_meeting[-1:]
    return next((place for place, is_of in zip(begun, is_later, strict=False) if is_of), begun[-1]).room_id


def _is_of_later(later: Place, before: Place, at: datetime, heard_at: datetime) -> bool | None:
    """Return whether something is of a round, by the times, and not of the one before; None if they don't decide.

    1. Nothing is of a round that began after we heard of it. That is so by the database's clock alone.
    2. What happened before, by more than clocks may be apart, is of the one before.
    3. What happened after everybody was put out of the one before is of the later one.
    """
    began_at = later.since or heard_at
    if heard_at < began_at or at < began_at - CLOCKS_APART:
        return False
    return True if at >= min(began_at, before.emptied_at or began_at) else None
