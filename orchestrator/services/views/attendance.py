"""Who was in which room of a breakout, when: by RealtimeKit's times where it tells them, however late."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.domain.attendance import Interval, merged, of_device, without_known
from orchestrator.errors import Unknown
from orchestrator.services.people.stays import ACK
from orchestrator.services.views.pages import Asked
from orchestrator.store.queries import rooms_of
from schemas.problems import ProblemCode
from schemas.responses import AttendanceRow, Page
from schemas.tables import Breakout, Participant, Presence, Room, Visit

HEADINGS = tuple(AttendanceRow.model_fields)

_Stays = defaultdict[tuple[str, str], list[Interval]]
"""By room and person."""


@dataclass(frozen=True)
class _Row:
    cursor: str
    """Sorts like the time of joining."""
    shown: AttendanceRow


def page(session: Session, breakout_id: str, asked: Asked) -> Page[AttendanceRow]:
    """Return one page, in the order in which people joined. Raises Unknown."""
    found = _rows(session, breakout_id)
    if asked.newest_first:
        found.reverse()
    if asked.cursor is not None:
        found = [it for it in found if (it.cursor < asked.cursor if asked.newest_first else it.cursor > asked.cursor)]
    more = len(found) > asked.limit
    items = found[: asked.limit]
    return Page(items=[it.shown for it in items], next_cursor=items[-1].cursor if more else None)


def sheet(session: Session, breakout_id: str) -> Iterator[list[str]]:
    """Yield all rows as cells, the headings first. Raises Unknown."""
    found = _rows(session, breakout_id)
    yield list(HEADINGS)
    for row in found:
        shown = row.shown.model_dump(mode="json")
        yield [_cell(shown[name]) for name in HEADINGS]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _rows(session: Session, breakout_id: str) -> list[_Row]:
    """Return every row in a constant number of queries, however many people and rooms there are. Raises Unknown."""
    breakout = session.get(Breakout, breakout_id)
    if breakout is None:
        raise Unknown(f"there is no breakout {breakout_id}", ProblemCode.UNKNOWN_BREAKOUT)
    rooms = {room.id: room for room in rooms_of(session, breakout_id)}
    of_people = _stays(session, breakout_id)
    theirs = select(Participant).where(col(Participant.id).in_({person_id for _, person_id in of_people}))
    people = {person.id: person for person in session.scalars(theirs)}
    found = [
        _row(rooms[room_id], people[person_id], stay)
        for (room_id, person_id), stays in of_people.items()
        if room_id in rooms and person_id in people
        for stay in merged(stays)
    ]
    return sorted(found, key=lambda row: row.cursor)


def _row(room: Room, person: Participant, stay: Interval) -> _Row:
    seconds = None if stay.left_at is None else round((stay.left_at - stay.joined_at).total_seconds())
    shown = AttendanceRow(
        custom_participant_id=person.custom_participant_id,
        name=person.name,
        role=person.role,
        room_id=room.id,
        room_name=room.name,
        joined_at=stay.joined_at,
        left_at=stay.left_at,
        seconds=seconds,
        presumed=stay.presumed,
    )
    return _Row(f"{round(stay.joined_at.timestamp() * 1e6):017d}.{person.id}.{room.id}", shown)


def _stays(session: Session, breakout_id: str) -> _Stays:
    """Return what is known of stays: those that RealtimeKit has told, and those that only browsers have reported."""
    of_rooms = select(col(Room.id)).where(col(Room.breakout_id) == breakout_id)
    present = session.scalars(select(Presence).where(col(Presence.room_id).in_(of_rooms))).all()
    ends = {(it.room_id, it.peer_id): it.left_at for it in present}
    told = _told(session.scalars(select(Visit).where(col(Visit.room_id).in_(of_rooms))).all(), ends)
    acked: _Stays = defaultdict(list)
    for it in present:
        if it.room_id is not None and it.peer_id.startswith(ACK):
            stay = Interval(it.joined_at, it.left_at, presumed=it.left_at is not None)
            acked[it.room_id, it.participant_id].append(stay)
    for key, stays in acked.items():
        told[key] += without_known(stays, told[key])
    return told


def _told(visits: Sequence[Visit], ends: dict[tuple[str | None, str], datetime | None]) -> _Stays:
    devices: defaultdict[tuple[str, str, str], list[Interval]] = defaultdict(list)
    for visit in visits:
        stay = Interval(visit.joined_at, visit.left_at)
        devices[visit.room_id, visit.participant_id, visit.peer_id].append(stay)
    found: _Stays = defaultdict(list)
    for (room_id, person_id, peer_id), stays in devices.items():
        found[room_id, person_id] += of_device(stays, ends.get((room_id, peer_id)))
    return found
