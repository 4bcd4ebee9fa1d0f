"""People in rooms who ask the hosts for help: one open request for each person of a breakout."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.errors import Unknown, UserError, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.locked import MeetingScope, locked, locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.people.seats import POINTED, pointing
from orchestrator.store.queries import holds
from schemas.events import ActorKind, EventType
from schemas.states import LIVE, Location
from schemas.tables import IS_OPEN_REQUEST, HelpRequest, Room


@dataclass(frozen=True)
class Ask:
    """Somebody who asks for help."""

    participant_id: str
    meeting_id: str


@dataclass(frozen=True)
class Asked:
    """The open request of somebody, and whether it is new."""

    help_id: str
    is_new: bool


def ask_all(deps: Deps, asks: Sequence[Ask]) -> list[Asked | UserError]:
    """Note who asks for help, those of one meeting in one transaction. Returns why not for who is in no room."""
    answers: dict[int, Asked | UserError] = {}
    for meeting_id in sorted({ask.meeting_id for ask in asks}):
        mine = {number: ask.participant_id for number, ask in enumerate(asks) if ask.meeting_id == meeting_id}
        with locked_for_meeting(deps, meeting_id) as m:
            rooms = _rooms_of(m, set(mine.values()))
            for number, participant_id in mine.items():
                answers[number] = _ask(m, participant_id, rooms.get(participant_id))
    return [answers[number] for number in range(len(asks))]


def ask(deps: Deps, one: Ask) -> Asked:
    """Note that somebody asks for help. Raises WrongState for who is in no room."""
    (answer,) = ask_all(deps, [one])
    if isinstance(answer, UserError):
        raise answer
    return answer


def _ask(m: MeetingScope, participant_id: str, room_id: str | None) -> Asked | UserError:
    """Note that somebody asks. Who has an open request keeps it; hosts are told again from which room."""
    if m.breakout is None or room_id is None:
        return WrongState("help is for people in a room", Location.MAIN.value, [Location.ROOM.value])
    mine = col(HelpRequest.breakout_id) == m.breakout.row.id, col(HelpRequest.participant_id) == participant_id
    found = m.tx.session.scalar(select(HelpRequest).where(*mine, holds(HelpRequest, IS_OPEN_REQUEST)))
    if found is not None and found.room_id == room_id:
        return Asked(found.id, is_new=False)
    row = found or HelpRequest(
        breakout_id=m.breakout.row.id, room_id=room_id, participant_id=participant_id, asked_at=m.now
    )
    row.room_id = room_id
    m.tx.session.add(row)
    m.tx.session.flush()
    name = m.breakout.names([participant_id])[participant_id]
    with m.breakout.acting(ActorKind.PARTICIPANT.named(name)):
        m.breakout.log(EventType.HELP_REQUESTED, {"help_id": row.id, "room_id": room_id})
    return Asked(row.id, is_new=found is None)


def _rooms_of(m: MeetingScope, participant_ids: set[str]) -> dict[str, str]:
    """Return the room that each person's seat points to."""
    b = m.breakout
    if b is None or b.row.state not in LIVE or b.row.sent_home_at is not None:
        return {}
    statement = pointing(POINTED, (col(Room.id),), [b.row.id], participant_ids)
    return dict(m.tx.session.execute(statement).all())


def resolve(deps: Deps, breakout_id: str, help_id: str) -> None:
    """Note that a request is settled; again changes nothing. Raises Unknown."""
    with locked(deps, breakout_id) as b:
        found = _request(b, help_id)
        if found.resolved_at is None:
            found.resolved_at = b.now
            b.log(EventType.HELP_RESOLVED, {"help_id": found.id, "room_id": found.room_id})


def _request(b: LockedBreakout, help_id: str) -> HelpRequest:
    return request_of(b.tx.session, b.row.id, help_id)


def request_of(session: Session, breakout_id: str, help_id: str) -> HelpRequest:
    """Return a request of a breakout. Raises Unknown."""
    found = session.get(HelpRequest, help_id)
    if found is None or found.breakout_id != breakout_id:
        raise Unknown(f"this breakout has no request for help {help_id}")
    return found
