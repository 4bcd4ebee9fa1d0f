"""What presets say about where people may go by themselves, read at RealtimeKit and kept for a while."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from orchestrator.domain.preset_names import preset_in_rooms
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import PresetRecord
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.breakout.rights import asks_presets
from orchestrator.store.database import insert_into
from schemas.states import LIVE, PLANNED
from schemas.tables import Breakout, Meeting, Participant, PresetRights

KEPT = timedelta(minutes=10)
"""How long what a preset says is taken for true."""
NOTHING = (False, False)
"""What a preset allows that is not known, or that RealtimeKit lacks."""


def outdated(session: Session, meeting: Meeting, now: datetime) -> list[str]:
    """Return the presets of the meeting's people in rooms about which nothing is known, or nothing young enough."""
    names = _asked_names(session, meeting)
    return sorted(names - {said.name for said in _said(session, names) if said.read_at + KEPT > now})


def next_reading(session: Session, meeting: Meeting, now: datetime) -> datetime | None:
    """Return when to read the presets again; None when no breakout asks them."""
    names = _asked_names(session, meeting)
    known = _said(session, names)
    if len(known) < len(names):
        return now
    return min((said.read_at + KEPT for said in known), default=None)


async def ask(kit: RealtimeKit, names: Sequence[str]) -> list[PresetRecord]:
    """Read these presets with their permissions. One that RealtimeKit lacks is left out. Raises RealtimeKitError."""
    if not names:
        return []
    listed = [preset for preset in await kit.presets(priority=Priority.POLLING) if preset.name in names]
    return [await kit.preset(preset.id, priority=Priority.POLLING) for preset in listed]


def record(m: MeetingScope, names: Sequence[str], records: Sequence[PresetRecord]) -> None:
    """Store what was read. A preset that RealtimeKit lacks allows nothing."""
    allowed = {record.name: (record.may_switch, record.may_return) for record in records}
    known = {said.name: (said.may_switch, said.may_return) for said in _said(m.tx.session, names)}
    if not names:
        return
    rows = []
    for name in sorted(names):
        may_switch, may_return = allowed.get(name, NOTHING)
        rows.append({"name": name, "may_switch": may_switch, "may_return": may_return, "read_at": m.now})
    statement = insert_into(m.tx.session, PresetRights).values(rows)
    new = {column: statement.excluded[column] for column in ("may_switch", "may_return", "read_at")}
    m.tx.session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=new))  # another meeting's task
    if any(allowed.get(name, NOTHING) != known.get(name, NOTHING) for name in names):
        m.people.raise_versions()


_PRESENT = select(Breakout).where(col(Breakout.meeting_id) == bindparam("of"), col(Breakout.state).in_(PLANNED | LIVE))


def _asked_names(session: Session, meeting: Meeting) -> set[str]:
    asking = [breakout for breakout in session.scalars(_PRESENT, {"of": meeting.id}) if asks_presets(breakout)]
    if not asking:
        return set()
    kinds = select(col(Participant.role), col(Participant.preset_name)).where(col(Participant.meeting_id) == meeting.id)
    people = session.execute(kinds.distinct()).all()
    return {preset_in_rooms(breakout, meeting, role, own) for breakout in asking for role, own in people}


def _said(session: Session, names: set[str] | Sequence[str]) -> Sequence[PresetRights]:
    if not names:
        return []
    return session.scalars(select(PresetRights).where(col(PresetRights.name).in_(names))).all()
