"""Erasing somebody who has left a meeting for good: something stands for them wherever they are stored.

Their own row and what is stored beside breakouts are written first, in one transaction. It also keeps, encrypted, what
they were called, until the logs of all breakouts are written, one after another. So whoever goes on knows what to
look for.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.domain.erasing import Eraser, is_stand_in, stand_in
from orchestrator.services.breakout.erasing import erase_names
from orchestrator.services.breakout.locked import MeetingScope, locked_for_meeting, locked_if_kept
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency.erasing import erase_answers
from orchestrator.services.people import departed
from orchestrator.store.database import Transaction
from orchestrator.store.queries import hash_key
from schemas.states import FactSource
from schemas.tables import Breakout, Fact, Leftover, Participant, Seat

NO_ADMISSION: dict[str, Any] = {
    "name_at_realtimekit": None,
    "preset_at_realtimekit": None,
    "auth_token": None,
    "token_wanted": False,
    "token_made_at": None,
    "token_renew_at": None,
    "token_good_until": None,
}
"""What is kept of somebody's admissions: the id of their record, until it is deleted at RealtimeKit."""


def erase(deps: Deps, meeting_id: str, custom_participant_id: str) -> None:
    """Erase somebody who has left the meeting for good, however often. Does nothing the second time."""
    with locked_for_meeting(deps, meeting_id) as m:
        rows = departed.rows_of(m.tx.session, meeting_id, [custom_participant_id])
        rows = [row for row in rows if not is_stand_in(row.custom_participant_id)]
        if rows:
            _erase_beside_breakouts(m, rows)
    for row in rows:
        finish(deps, row.id)


def finish(deps: Deps, leftover_id: str) -> None:
    """Write what erasing has left to be written: the logs of the meeting's breakouts."""
    with deps.database.reading() as session:
        row = session.get(Leftover, leftover_id)
        words = deps.vault.open(row.words) if row else None
        if row is None or words is None:
            return
        breakout_ids = session.scalars(select(col(Breakout.id)).where(col(Breakout.meeting_id) == row.meeting_id)).all()
    said = json.loads(words)
    for breakout_id in sorted(breakout_ids):
        with locked_if_kept(deps, breakout_id) as b:
            if b is not None:
                erase_names(b, Eraser(said["stand_ins"], said["words"]))
    with deps.database.transaction() as tx:
        tx.session.execute(update(Leftover).where(col(Leftover.id) == leftover_id).values(words=None))


def _erase_beside_breakouts(m: MeetingScope, rows: Sequence[Participant]) -> None:
    """Erase everything but logs, and have the logs erased. Participants are locked last."""
    session = m.tx.session
    name = rows[0].custom_participant_id
    stands_for = stand_in(hash_key(session), m.meeting_id, name)
    said = {"stand_ins": {name: stands_for}, "words": sorted(_words(m.tx, rows))}
    eraser = Eraser({name: stands_for}, said["words"])
    departed.want_removed(m, {row.id: name for row in rows})
    for leftover in departed.leftovers_of(session, [row.id for row in rows]):
        leftover.words = m.deps.vault.seal(json.dumps(said))
    _settle_facts(m, name)
    erase_answers(session, m.meeting_id, eraser)
    if m.breakout is not None:
        m.breakout.lock_rooms()
    session.execute(update(Seat).where(_of(rows)).values(**NO_ADMISSION))
    for row in rows:
        gone: dict[str, Any] = {
            "custom_participant_id": stands_for,
            "name": stands_for,
            "attributes": {},
            "preset_name": None,
        }
        m.people.change(row.id, **gone, **NO_ADMISSION)


def _of(rows: Sequence[Participant]) -> Any:
    return col(Seat.participant_id).in_([row.id for row in rows])


def _words(tx: Transaction, rows: Sequence[Participant]) -> set[str]:
    """Return what these rows, which are of one person, call them."""
    names = {name for row in rows for name in (row.name, row.name_at_realtimekit) if name}
    return names | {name for name in tx.session.scalars(select(col(Seat.name_at_realtimekit)).where(_of(rows))) if name}


def _settle_facts(m: MeetingScope, name: str) -> None:
    """Let go of what RealtimeKit has said about them and nobody has applied yet."""
    waiting = col(Fact.inbox_id) == m.meeting_id, col(Fact.applied_at).is_(None)
    statement = select(Fact).where(*waiting, col(Fact.source) == FactSource.WEBHOOK)
    for fact in m.tx.session.scalars(statement.order_by(col(Fact.id)).with_for_update()).all():
        if _is_about(fact.payload, name):
            fact.payload, fact.applied_at = "", m.now


def _is_about(payload: str, name: str) -> bool:
    participant = json.loads(payload).get("participant")
    return isinstance(participant, dict) and participant.get("customParticipantId") == name
