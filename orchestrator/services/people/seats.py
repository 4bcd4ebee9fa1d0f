"""A person's seat: where they should be now, with the token for exactly that meeting."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, case, func, or_, select
from sqlmodel import Session, col

from orchestrator.domain.timing import closes_by, earliest
from orchestrator.services.breakout.rights import Rights
from orchestrator.services.deps import Deps
from orchestrator.services.people.tokens import MissingTokens
from orchestrator.store.aliases import shared_alias
from orchestrator.store.database import execute, statement_time
from orchestrator.store.queries import holds, in_use
from schemas.responses import SeatBreakout, SeatResponse, SeatRoom
from schemas.states import COMING, OPEN_TO_ALL, POINTS_TO_ROOM, RUNNING, Location
from schemas.tables import IS_LIVE, Breakout, Meeting, Participant, Room, Seat

POINTED = shared_alias(Seat)
"""The seat that somebody is to be in, which is not the wanted one while they move."""
_LATEST = select(col(Participant.id), col(Participant.version), col(Participant.token_number)).where(
    col(Participant.meeting_id).in_(bindparam("of"))
)
_LIVE = select(Breakout).where(col(Breakout.meeting_id).in_(bindparam("of")), holds(Breakout, IS_LIVE))
_CHOICES = (
    select(col(Room.breakout_id), col(Room.id), col(Room.name), func.count(col(Seat.id)))
    .outerjoin(Seat, (col(Seat.room_id) == col(Room.id)) & col(Seat.wanted))
    .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
    .where(col(Room.breakout_id).in_(bindparam("of")), col(Room.state).in_(OPEN_TO_ALL))
    .where(col(Breakout.state).in_(RUNNING))
    .group_by(col(Room.id))
    .order_by(col(Room.index))
)


@dataclass(frozen=True)
class _SeatInRoom:
    """A room that a person belongs in."""

    seat_id: str
    room_id: str
    room_name: str
    realtimekit_meeting_id: str
    recorded: bool
    token: str | None
    """None if no secret decrypts the stored token, or if it has ended."""
    is_unreadable: bool
    own_end: datetime | None
    empties_at: datetime | None
    """When its seats point to main, if it closes by itself."""


@dataclass(frozen=True)
class Seats:
    """The seats of some people, and who of them lacks a token, or has one that ends soon."""

    found: dict[str, SeatResponse]
    """By participant. Unknown people are left out."""
    missing: MissingTokens


def read(deps: Deps, participant_ids: Collection[str]) -> Seats:
    """Read where these people should be now, in a constant number of queries and in one snapshot.

    Versions rise in the transaction that changes what a seat shows, so in one snapshot two seats of the same version
    say the same. Somebody whose token for a room has ended stays there without one, until their room's task makes it.
    """
    with deps.database.reading() as session:
        people = _people(session, participant_ids)
        live = _live(session, {person.meeting_id for person in people})
        found_places = _places(deps, session, live.values(), participant_ids)
        choosers = _choosers(session, live, people)
        found_choices = choices(session, [live[meeting_id].id for meeting_id in set(choosers.values())])
    breakouts = {may: _breakouts(live, found_choices if may else {}) for may in (False, True)}
    places = {person_id: place for person_id, place in found_places.items() if not place.is_unreadable}
    ends = {meeting_id: closes_by(row) for meeting_id, row in live.items()}
    found = {}
    for person in people:
        place, breakout = places.get(person.id), breakouts[person.id in choosers].get(person.meeting_id)
        if place and breakout:
            breakout = _by_room(breakout, ends[person.meeting_id], place)
        found[person.id] = _answer(deps, person, place, breakout)
    return Seats(found, _missing(people, found, found_places))


def _missing(
    people: Sequence[Any], found: Mapping[str, SeatResponse], places: Mapping[str, _SeatInRoom]
) -> MissingTokens:
    """Return whose token is missing, ends soon, or can't be decrypted any more, and was not asked for yet."""
    main: defaultdict[str, set[str]] = defaultdict(set)
    for person in people:
        seat = found[person.id]
        needs_one = person.renews or not seat.auth_token
        if needs_one and not person.token_wanted and seat.location is Location.MAIN:
            main[person.meeting_id].add(person.id)
    return MissingTokens(main, {place.seat_id for place in places.values() if place.is_unreadable})


class Latest(NamedTuple):
    """The version of a person's seat, and the number of client tokens that are good for it."""

    version: int
    token_number: int


def latest(session: Session, meeting_ids: Collection[str]) -> dict[str, Latest]:
    """Return what is latest of everybody in these meetings."""
    found = execute(session, _LATEST, {"of": list(meeting_ids)})
    return {row_id: Latest(version, number) for row_id, version, number in found}


def _people(session: Session, participant_ids: Collection[str]) -> Sequence[Any]:
    """Return the people with their versions."""
    statement = (
        select(
            col(Participant.id),
            col(Participant.version),
            col(Participant.meeting_id),
            col(Participant.role),
            col(Participant.preset_name),
            col(Participant.auth_token),
            col(Participant.token_wanted),
            _is_shown(Participant, session).label("is_shown"),
            (col(Participant.token_renew_at) <= statement_time(session)).label("renews"),
            col(Meeting.realtimekit_meeting_id),
        )
        .join(Meeting, col(Meeting.id) == col(Participant.meeting_id))
        .where(col(Participant.id).in_(participant_ids))
    )
    return session.execute(statement).all()


def _live(session: Session, meeting_ids: Collection[str]) -> dict[str, Breakout]:
    """Return the live breakout of each meeting that has one."""
    return {breakout.meeting_id: breakout for breakout in session.scalars(_LIVE, {"of": list(meeting_ids)})}


def _places(
    deps: Deps, session: Session, breakouts: Iterable[Breakout], participant_ids: Collection[str]
) -> dict[str, _SeatInRoom]:
    """Return the room of each person whose token for it is there, until the seats point to main again.

    Somebody who moves keeps the seat in their old room, while that is open, until the token for the new one is there.
    """
    running = [breakout.id for breakout in breakouts if breakout.sent_home_at is None]
    if not running:
        return {}
    columns = col(POINTED.id), col(POINTED.auth_token), _is_shown(POINTED, session)
    is_recorded = func.coalesce(col(Room.recorded_otherwise), col(Room.record), col(Breakout.record))
    clock = col(Room.own_end), col(Room.empties_at)
    of_room = col(Room.id), col(Room.name), col(Room.realtimekit_meeting_id), is_recorded, *clock
    statement = pointing(POINTED, (*columns, *of_room), running, participant_ids)
    statement = statement.join(Breakout, col(Breakout.id) == col(Room.breakout_id))
    found = {}
    for participant_id, seat_id, sealed, is_shown, room_id, name, at_realtimekit, recorded, *times in session.execute(
        statement
    ):
        token = deps.vault.open(sealed)
        shown = token if is_shown else None
        found[participant_id] = _SeatInRoom(
            seat_id, room_id, name, at_realtimekit, bool(recorded), shown, token is None, *times
        )
    return found


def pointing(
    pointed: Any, columns: Sequence[Any], breakout_ids: Collection[str], participant_ids: Collection[str]
) -> Select[Any]:
    """Select these columns for each person, after their id, of the seat that they are to be in, `pointed`.

    The breakouts are running ones, of which nobody has been sent home.
    """
    which = case(
        (col(Seat.state).in_(POINTS_TO_ROOM), col(Seat.id)), (col(Seat.state).in_(COMING), col(Seat.previous_id))
    )
    return (
        select(col(Seat.participant_id), *columns)
        .join(pointed, col(pointed.id) == which)
        .join(Room, col(Room.id) == col(pointed.room_id))
        .where(
            col(Seat.breakout_id).in_(breakout_ids),
            col(Seat.participant_id).in_(participant_ids),
            col(Seat.wanted),
            col(pointed.state).in_(POINTS_TO_ROOM),
            or_(col(pointed.id) == col(Seat.id), in_use()),
        )
    )


def _is_shown(of: Any, session: Session) -> ColumnElement[bool]:
    """Return the condition that a seat may show a token, by the database's time."""
    return or_(of.token_good_until.is_(None), of.token_good_until > statement_time(session))


def _answer(deps: Deps, person: Any, place: _SeatInRoom | None, breakout: SeatBreakout | None) -> SeatResponse:
    return SeatResponse(
        version=person.version,
        location=Location.ROOM if place else Location.MAIN,
        meeting_id=person.meeting_id,
        parent_realtimekit_meeting_id=person.realtimekit_meeting_id,
        realtimekit_meeting_id=place.realtimekit_meeting_id if place else person.realtimekit_meeting_id,
        recorded=place.recorded if place else None,
        room_id=place.room_id if place else None,
        room_name=place.room_name if place else None,
        auth_token=place.token if place else deps.vault.open(person.auth_token if person.is_shown else None),
        breakout=breakout,
    )


def _by_room(breakout: SeatBreakout, ends_at: datetime | None, place: _SeatInRoom) -> SeatBreakout:
    """Return what a seat says of a breakout that closes by `ends_at`, with the times of the person's room."""
    if place.own_end is None and place.empties_at is None:
        return breakout
    times = {
        "closes_at": breakout.closes_at if place.own_end is None else earliest(ends_at, place.own_end),
        "empties_at": earliest(breakout.empties_at, place.empties_at),
    }
    return breakout.model_copy(update=times)


def _choosers(session: Session, live: Mapping[str, Breakout], people: Sequence[Any]) -> dict[str, str]:
    """Return the meeting of everybody who may choose a room."""
    rights = Rights(session, live.values())
    running = ((person, live.get(person.meeting_id)) for person in people)
    return {person.id: person.meeting_id for person, one in running if one and rights.may_switch(one, person)}


def _breakouts(live: Mapping[str, Breakout], rooms: Mapping[str, list[SeatRoom]]) -> dict[str, SeatBreakout]:
    """Return what seats say of each meeting's breakout, to those who may choose among these rooms."""
    return {
        meeting_id: SeatBreakout(
            id=breakout.id,
            state=breakout.state,
            closes_at=breakout.closes_at,
            empties_at=breakout.empties_at,
            paused=breakout.paused_with_seconds is not None,
            rooms=rooms.get(breakout.id),
        )
        for meeting_id, breakout in live.items()
    }


def choices(session: Session, breakout_ids: Collection[str]) -> Mapping[str, list[SeatRoom]]:
    """Return the rooms that people may switch to, with how many belong in each; none once a breakout closes.

    It is one statement for all of these breakouts.
    """
    found: dict[str, list[SeatRoom]] = {breakout_id: [] for breakout_id in breakout_ids}
    if not found:
        return found
    for breakout_id, room_id, name, count in execute(session, _CHOICES, {"of": list(breakout_ids)}):
        found[breakout_id].append(SeatRoom(id=room_id, name=name, participant_count=count))
    return found
