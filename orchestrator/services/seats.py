"""A person's seat: where they should be now, with the token for exactly that meeting; and where they say they are."""

from dataclasses import dataclass

from sqlalchemy import Row, select
from sqlmodel import Session, col

from orchestrator.errors import Malformed, Unknown
from orchestrator.services import presence
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import lock_breakout_of, room_sizes, rooms_of
from schemas.requests import AckRequest
from schemas.responses import SeatBreakout, SeatResponse, SeatRoom
from schemas.states import LIVE, POINTS_TO_ROOM, Location, RoomState, SeatState
from schemas.tables import Breakout, Meeting, Participant, Room, Seat


@dataclass(frozen=True)
class _Place:
    """A room that a person belongs in."""

    room: Room
    token: str


def seat(deps: Deps, participant_id: str) -> SeatResponse:
    """Where the person should be now. Who is to be in main and has no token for it yet gets one made soon."""
    with deps.database.reading() as session:
        person, answer = _read(deps, session, participant_id)
        wanted = answer.location is Location.MAIN and answer.auth_token is None and not person.token_wanted
    if wanted:
        _want_token(deps, participant_id)
    return answer


def versions(session: Session, participant_ids: list[str]) -> dict[str, int]:
    """The versions of many people's seats, in one query."""
    statement = select(col(Participant.id), col(Participant.version)).where(col(Participant.id).in_(participant_ids))
    return dict(session.execute(statement).all())


def ack(deps: Deps, participant_id: str, body: AckRequest) -> SeatResponse:
    """The browser has arrived somewhere; raises Malformed for a room that is none of this person's meeting."""
    with deps.database.transaction() as tx:
        meeting_id = tx.session.scalar(select(col(Participant.meeting_id)).where(col(Participant.id) == participant_id))
        if meeting_id is None:
            raise Unknown("there is no such participant")
        breakout = lock_breakout_of(tx, meeting_id)
        person = tx.session.get_one(Participant, participant_id)
        if body.room_id is not None and not _is_of_meeting(tx.session, body.room_id, person.meeting_id):
            raise Malformed(f"there is no room {body.room_id} in this meeting", ("body", "room_id"))
        stay = presence.ack_stay(tx, person, body.room_id, tx.now())
        presence.apply(deps, tx, breakout, meeting_id, [stay])
    return seat(deps, participant_id)


def _is_of_meeting(session: Session, room_id: str, meeting_id: str) -> bool:
    statement = (
        select(col(Room.id))
        .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
        .where(col(Room.id) == room_id, col(Breakout.meeting_id) == meeting_id)
    )
    return session.scalar(statement) is not None


def _want_token(deps: Deps, participant_id: str) -> None:
    with deps.database.transaction() as tx:
        person = tx.session.get_one(Participant, participant_id)
        if deps.vault.open(person.auth_token) is not None:
            return
        due.want(tx, Meeting, [person.meeting_id])
        person.auth_token = None
        person.token_wanted = True


def _read(deps: Deps, session: Session, participant_id: str) -> tuple[Participant, SeatResponse]:
    statement = (
        select(Participant, Meeting, Breakout)
        .join(Meeting, col(Meeting.id) == col(Participant.meeting_id))
        .outerjoin(Breakout, (col(Breakout.meeting_id) == col(Meeting.id)) & col(Breakout.state).in_(LIVE))
        .where(col(Participant.id) == participant_id)
    )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise Unknown("there is no such participant")
    person, meeting, breakout = row
    place = _place(deps, session, breakout, person) if breakout else None
    return person, SeatResponse(
        version=person.version,
        location=Location.ROOM if place else Location.MAIN,
        meeting_id=meeting.id,
        realtimekit_meeting_id=(place.room.realtimekit_meeting_id if place else None) or meeting.realtimekit_meeting_id,
        room_id=place.room.id if place else None,
        room_name=place.room.name if place else None,
        auth_token=place.token if place else deps.vault.open(person.auth_token),
        breakout=_breakout(session, breakout) if breakout else None,
    )


def _place(deps: Deps, session: Session, breakout: Breakout, person: Participant) -> _Place | None:
    """The room, once its token is there, and until the seats point to main again."""
    if breakout.emptied_at is not None:
        return None
    statement = (
        select(Seat, Room)
        .join(Room, col(Room.id) == col(Seat.room_id))
        .where(col(Seat.breakout_id) == breakout.id, col(Seat.participant_id) == person.id, col(Seat.wanted))
    )
    row = session.execute(statement).one_or_none()
    if row is not None and row[0].state not in POINTS_TO_ROOM:
        row = _kept_until_then(session, row[0])
    if row is None:
        return None
    token = deps.vault.open(row[0].auth_token)
    return _Place(row[1], token) if token else None


def _kept_until_then(session: Session, seat: Seat) -> Row[tuple[Seat, Room]] | None:
    """The seat in an open room that somebody keeps until the token for this one is there."""
    if seat.state not in (SeatState.ASSIGNED, SeatState.ADMITTED) or seat.previous_id is None:
        return None
    statement = select(Seat, Room).join(Room, col(Room.id) == col(Seat.room_id)).where(col(Seat.id) == seat.previous_id)
    row = session.execute(statement).one()
    return row if row[0].state in POINTS_TO_ROOM and row[1].state is RoomState.OPEN else None


def _breakout(session: Session, breakout: Breakout) -> SeatBreakout:
    return SeatBreakout(
        id=breakout.id,
        state=breakout.state,
        closes_at=breakout.closes_at,
        empties_at=breakout.empties_at,
        paused=breakout.paused_with_seconds is not None,
        rooms=_choices(session, breakout) if breakout.allow_switch else None,
    )


def _choices(session: Session, breakout: Breakout) -> list[SeatRoom]:
    """The rooms somebody may switch to, with how many belong in each."""
    sizes = room_sizes(session, breakout.id)
    good = [room for room in rooms_of(session, breakout.id) if room.state in (RoomState.READY, RoomState.OPEN)]
    return [SeatRoom(id=room.id, name=room.name, participant_count=sizes.get(room.id, 0)) for room in good]
