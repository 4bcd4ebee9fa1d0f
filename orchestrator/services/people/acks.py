"""What participants' browsers say about where they are: stored at once without a lock, applied later in batches."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.errors import Malformed, Unknown, UserError
from orchestrator.services.breakout.locked import locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.people import inbox, presence
from orchestrator.services.people.inbox import Said
from orchestrator.services.people.stays import Stay
from orchestrator.store.queries import meeting, participant_ids
from schemas.columns import new_id
from schemas.problems import ProblemCode
from schemas.requests import AckRequest
from schemas.states import BEGUN, FactSource
from schemas.tables import Breakout, Fact, Participant, Room

REFUSED = "refused"
"""The location in an ack that reports no arrival: RealtimeKit has refused the token of the seat."""


@dataclass(frozen=True)
class Ack:
    """A browser's report of where its participant has arrived."""

    participant_id: str
    body: AckRequest


class Refusal(NamedTuple):
    """A report that RealtimeKit has refused the token in this version of a person's seat."""

    participant_id: str
    version: int


@inbox.looking_again
def store_all(deps: Deps, acks: Sequence[Ack]) -> list[UserError | None]:
    """Store acks in their order, with as many statements as for one. Returns an error for each that was not stored.

    The errors are Unknown for a participant, and Malformed for a room of another meeting.
    """
    with deps.database.transaction() as tx:
        meetings = _meetings_of(tx.session, {ack.participant_id for ack in acks})
        rooms = _meetings_of_rooms(tx.session, {ack.body.room_id for ack in acks if ack.body.room_id})
        errors = [_error(ack, meetings, rooms) for ack in acks]
        said = [
            Said(new_id(), meetings[ack.participant_id], json.dumps(_said(ack)))
            for ack, error in zip(acks, errors, strict=True)
            if error is None
        ]
        inbox.append(tx, FactSource.ACK, said)
        return errors


def _said(ack: Ack) -> dict[str, str | int | None]:
    if ack.body.location == REFUSED:
        return {"participant_id": ack.participant_id, REFUSED: ack.body.version}
    return {"participant_id": ack.participant_id, "room_id": ack.body.room_id}


def read(fact: Fact) -> Stay | Refusal:
    """Return what a stored ack reports: where the person is, or that their token was refused."""
    said = json.loads(fact.payload)
    if REFUSED in said:
        return Refusal(said["participant_id"], said[REFUSED])
    return Stay(said["participant_id"], said["room_id"], None, None, fact.received_at, by_browser=True)


def set_present(deps: Deps, meeting_id: str, custom_participant_id: str, present: bool) -> str:
    """Take the caller's word on whether somebody is in the main meeting. Returns our id of the person.

    Requests for one meeting that come at the same time share a transaction. Raises Unknown.
    """
    found = deps.database.groups.run(
        _set_all_present, deps, meeting_id, (custom_participant_id, present), apart=deps.actor
    )
    if found is None:
        words = f"meeting {meeting_id} has no participant {custom_participant_id!r}"
        raise Unknown(words, ProblemCode.UNKNOWN_PARTICIPANT)
    return found


def _set_all_present(deps: Deps, meeting_id: str, said: list[tuple[str, bool]]) -> list[str | None]:
    """Return our id of each person; None for somebody unknown."""
    with locked_for_meeting(deps, meeting_id) as m:
        meeting(m.tx.session, meeting_id)
        ids = participant_ids(m.tx.session, meeting_id, {name for name, _ in said})
        presence.set_present(m, {ids[name]: present for name, present in said if name in ids})
        return [ids.get(name) for name, _ in said]


def _error(ack: Ack, meetings: dict[str, str], rooms: dict[str, str]) -> UserError | None:
    meeting_id, room_id = meetings.get(ack.participant_id), ack.body.room_id
    if meeting_id is None:
        return Unknown("there is no such participant")
    if room_id is not None and rooms.get(room_id) != meeting_id:
        words = f"there is no room {room_id} in this meeting"
        return Malformed(words, ("body", "room_id"), ProblemCode.UNKNOWN_ROOM)
    return None


def _meetings_of(session: Session, participant_ids: Collection[str]) -> dict[str, str]:
    columns = col(Participant.id), col(Participant.meeting_id)
    return dict(session.execute(select(*columns).where(col(Participant.id).in_(participant_ids))).all())


def _meetings_of_rooms(session: Session, room_ids: Collection[str]) -> dict[str, str]:
    """Return the meeting of each room in which somebody can have arrived: no seat points to one before it begins."""
    statement = select(col(Room.id), col(Breakout.meeting_id)).join(Breakout, col(Breakout.id) == col(Room.breakout_id))
    there = col(Room.id).in_(room_ids), col(Breakout.state).in_(BEGUN)
    return dict(session.execute(statement.where(*there)).all())
