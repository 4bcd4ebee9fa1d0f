"""Registering people of a meeting."""

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from orchestrator.services.breakout.locked import locked_for_meeting
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.breakout.rights import asks_presets
from orchestrator.services.breakout.seating import seat_latecomers
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import Transaction
from orchestrator.store.queries import holds, lock_meeting
from orchestrator.store.versions import PEOPLE, count_change
from schemas.events import Topic
from schemas.requests import PersonRequest
from schemas.states import RUNNING
from schemas.tables import IS_FORMER, Meeting, Participant


def register(
    deps: Deps, meeting_id: str, people: Sequence[PersonRequest], more: Callable[[], None] | None = None
) -> list[str]:
    """Register people, or bring those known up to date. Returns our ids in the order given. Raises Unknown.

    `more` is done in the same transaction once they have rows, and before they are seated as latecomers: what it locks
    is locked before people.
    """
    with locked_for_meeting(deps, meeting_id) as m:
        meeting = lock_meeting(m.tx, meeting_id)  # else two that register the same person both find them missing
        decides = {"role", "preset_name"} if m.breakout and asks_presets(m.breakout.row) else {"role"}
        ids, has_changed = write(m.tx, m.people, meeting_id, people, decides)
        if has_changed:
            count_change(meeting, PEOPLE)
        if more is not None:
            m.tx.session.flush()
            more()
        if m.breakout is not None and m.breakout.row.state in RUNNING:
            m.tx.session.flush()
            seat_latecomers(m.breakout, ids)
        return ids


def register_together(deps: Deps, meeting_id: str, people: Sequence[PersonRequest]) -> list[str]:
    """Register people as `register` does. Calls for one meeting that come at the same time share a transaction.

    Callers register each person when they come, so that a thousand calls may come in the same second.
    """
    return deps.database.groups.run(_register_all, deps, meeting_id, people, apart=deps.actor)


def _register_all(deps: Deps, meeting_id: str, calls: list[Sequence[PersonRequest]]) -> list[list[str]]:
    ids = iter(register(deps, meeting_id, [person for people in calls for person in people]))
    return [list(islice(ids, len(people))) for people in calls]


def write(
    tx: Transaction,
    writes: PeopleWrites,
    meeting_id: str,
    people: Sequence[PersonRequest],
    decides: Collection[str] = (),
) -> tuple[list[str], bool]:
    """Insert or change these people of a locked meeting.

    `decides` are the fields that decide where somebody may go by themselves, and so whether their seat lists the rooms.
    Returns our ids in the order given, and whether that changes anything.
    """
    names = [person.custom_participant_id for person in people]
    statement = select(Participant).where(
        col(Participant.meeting_id) == meeting_id, col(Participant.custom_participant_id).in_(names)
    )
    known = {row.custom_participant_id: row for row in tx.session.scalars(statement)}
    if known:
        due.want(tx, Meeting, [meeting_id])  # what has changed is carried to RealtimeKit
    now, has_changed = tx.now(), False
    since = _above_former(tx.session, meeting_id) if set(names) - set(known) else 0
    for person in people:
        row = known.get(person.custom_participant_id)
        if row is not None:
            changes = _changes(person)
            others = {name for name, value in changes.items() if writes.value(row, name) != value}
            has_changed |= bool(others)
            writes.change(row.id, **changes, token_refusals=0, token_again_at=None)
            if others & set(decides):
                writes.raise_versions([row.id])
            continue
        row = Participant(
            meeting_id=meeting_id,
            custom_participant_id=person.custom_participant_id,
            version=since,
            created_at=now,
            **_changes(person),
        )
        tx.session.add(row)
        known[person.custom_participant_id] = row
        has_changed = True
    if has_changed:
        tx.wake(Topic.MEETING.of(meeting_id))
    return [known[name].id for name in names], has_changed


def _above_former(session: Session, meeting_id: str) -> int:
    """Return the version that new people of a meeting begin with: above those of all who have left it for good.

    One of them may be registered anew, and a page that follows their seat still passes over lower versions.
    """
    former = col(Participant.former_meeting_id) == meeting_id, holds(Participant, IS_FORMER)
    last = session.scalar(select(func.max(col(Participant.version))).where(*former))
    return 0 if last is None else last + 1


def _changes(person: PersonRequest) -> dict[str, Any]:
    """Return what the request says; what it leaves out stays as it is."""
    given = person.model_fields_set & {"role", "preset_name", "attributes"}
    return {"name": person.name, **{field: getattr(person, field) for field in given}}
