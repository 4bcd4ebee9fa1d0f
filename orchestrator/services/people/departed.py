"""People who have left a meeting for good: who they were is known by their row, or by a keyed hash of their id."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.domain.erasing import stand_in
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import hash_key, holds
from schemas.tables import IS_FORMER, Leftover, Participant


def rows_of(session: Session, meeting_id: str, custom_participant_ids: Collection[str]) -> Sequence[Participant]:
    """Return what is left of these people, erased or not. Somebody may have left more than once."""
    if not custom_participant_ids:
        return []
    key = hash_key(session)
    names = {*custom_participant_ids, *(stand_in(key, meeting_id, name) for name in custom_participant_ids)}
    mine = col(Participant.former_meeting_id) == meeting_id, holds(Participant, IS_FORMER)
    statement = select(Participant).where(*mine, col(Participant.custom_participant_id).in_(names))
    return session.scalars(statement.order_by(col(Participant.id))).all()


def known(session: Session, meeting_id: str, custom_participant_ids: Iterable[str]) -> dict[str, str]:
    """Return those of these people who have left for good, with our id of what is left of them."""
    names = {name for name in custom_participant_ids if name}
    rows = {row.custom_participant_id: row.id for row in rows_of(session, meeting_id, names)}
    if not rows:
        return {}
    key = hash_key(session)
    by_name = {name: rows.get(name) or rows.get(stand_in(key, meeting_id, name)) for name in names}
    return {name: row_id for name, row_id in by_name.items() if row_id is not None}


def stood_for(session: Session, leftover: Leftover) -> list[str]:
    """Return our ids under which rows of breakouts may have the person of a leftover: their own, and stand-ins.

    What is kept of a breakout that has lost its names has somebody else in their place. The record that they had in its
    rooms is theirs all the same.
    """
    mine = col(Participant.former_meeting_id) == leftover.meeting_id, holds(Participant, IS_FORMER)
    statement = select(col(Participant.id)).where(*mine, col(Participant.custom_participant_id) == leftover.person)
    return sorted({leftover.id, *session.scalars(statement)})


def want_removed(m: MeetingScope, people: Mapping[str, str], places: Iterable[str] = ()) -> None:
    """Have these people, by our id and their own, removed at RealtimeKit.

    `places` are meetings there in which they may be although no row of ours says so.
    """
    if not people:
        return
    tx, now, key = m.tx, m.tx.now(), hash_key(m.tx.session)
    there = {row.id: row for row in tx.session.scalars(select(Leftover).where(col(Leftover.id).in_(people)))}
    for row_id, name in people.items():
        person = stand_in(key, m.meeting_id, name)
        row = there.get(row_id) or Leftover(id=row_id, meeting_id=m.meeting_id, person=person, until=now)
        row.until = max(row.until, now + longest_pass(m.deps))
        row.places = sorted({*row.places, *places})
        tx.session.add(row)
    tx.session.flush()
    due.want(tx, Leftover, people)


def longest_pass(deps: Deps) -> timedelta:
    """Return after which time no call is on its way any more that had begun before."""
    settings = deps.settings
    return timedelta(seconds=settings.task_deadline_seconds + settings.realtimekit_timeout_seconds)


def leftovers_of(session: Session, row_ids: Collection[str]) -> Sequence[Leftover]:
    """Return what is still to be removed of these people."""
    return session.scalars(select(Leftover).where(col(Leftover.id).in_(row_ids))).all()
