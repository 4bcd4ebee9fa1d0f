"""People who hold client tokens: whether a token still stands for its person, and taking tokens back."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlmodel import Session, col

from orchestrator.errors import WrongState
from orchestrator.services.deps import Deps
from orchestrator.store.database import Database
from orchestrator.store.queries import lock_meeting, participant
from schemas.events import Topic
from schemas.problems import ProblemCode
from schemas.states import Role, TokenScope
from schemas.tables import Participant


@dataclass(frozen=True)
class Holder:
    """What is known of a person by whom a token may be held."""

    number: int
    """Tokens of another number are refused."""
    role: Role
    custom_participant_id: str


def find_all(database: Database, participant_ids: Collection[str]) -> dict[str, Holder]:
    """Return what is known of these people. Those who are unknown or were removed are left out."""
    with database.glancing() as session:
        return _holders(session, participant_ids)


def find(session: Session, participant_id: str) -> Holder | None:
    """Return what is known of one person."""
    return _holders(session, [participant_id]).get(participant_id)


def require_role(person: Participant, scope: TokenScope) -> None:
    """Raise WrongState for a token of a host for somebody who is none."""
    if scope is TokenScope.HOST and person.role is not Role.HOST:
        words = f"{person.custom_participant_id!r} is not a host"
        raise WrongState(words, person.role.value, [Role.HOST.value], ProblemCode.NOT_A_HOST)


def take_back_tokens(deps: Deps, meeting_id: str, custom_participant_id: str) -> None:
    """Refuse every client token that a person has got so far. Raises Unknown."""
    with deps.database.transaction() as tx:
        lock_meeting(tx, meeting_id)
        person = participant(tx.session, meeting_id, custom_participant_id)
        mine = update(Participant).where(col(Participant.id) == person.id)
        tx.session.execute(mine.values(token_number=Participant.token_number + 1))
        tx.wake(Topic.SEATS.of(meeting_id))


def _holders(session: Session, participant_ids: Collection[str]) -> dict[str, Holder]:
    columns = col(Participant.token_number), col(Participant.role), col(Participant.custom_participant_id)
    are_here = col(Participant.id).in_(participant_ids), col(Participant.meeting_id).is_not(None)
    statement = select(col(Participant.id), *columns).where(*are_here)
    return {row_id: Holder(number, role, name) for row_id, number, role, name in session.execute(statement)}
