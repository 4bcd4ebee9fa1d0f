"""Changing a parent meeting: its title, its presets, and when it ends."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.errors import Malformed
from orchestrator.services.breakout.clock import follow_parent
from orchestrator.services.breakout.locked import locked_for_meeting, locked_if_kept
from orchestrator.services.breakout.rights import asks_presets
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.database import database_now
from orchestrator.store.queries import lock_meeting
from orchestrator.store.versions import count_change
from schemas.events import Topic
from schemas.problems import ProblemCode
from schemas.requests import MeetingChange
from schemas.states import LIVE, PLANNED
from schemas.tables import Breakout, Meeting

ROOM_PRESETS = {"host": "room_host_preset", "participant": "room_participant_preset"}
"""The columns of the fields of `room_presets`."""
PRESETS = {"host_preset", "participant_preset", *ROOM_PRESETS.values()}
FIELDS = dict.fromkeys(ROOM_PRESETS.values(), "room_presets")
"""The fields of M that show columns of another name."""


def change(deps: Deps, meeting_id: str, body: MeetingChange) -> None:
    """Change what `body` gives. Raises Unknown, Malformed for an end that is past.

    The meeting's task carries presets to RealtimeKit, and the end to breakouts if this process dies before it has.
    """
    with locked_for_meeting(deps, meeting_id) as m:
        tx, meeting = m.tx, lock_meeting(m.tx, meeting_id)
        changed = {name: value for name, value in _columns(body).items() if getattr(meeting, name) != value}
        for name, value in changed.items():
            setattr(meeting, name, value)
        if changed:
            if "ends_at" in changed:
                require_to_come(tx.session, meeting.ends_at)
            count_change(meeting, *(FIELDS.get(name, name) for name in changed))
            due.want(tx, Meeting, [meeting_id])
            tx.wake(Topic.MEETING.of(meeting_id))
        if changed.keys() & PRESETS and m.breakout is not None and asks_presets(m.breakout.row):
            m.people.raise_versions()  # seats list the rooms to whose preset allows to choose one
    if "ends_at" in changed:
        with deps.database.reading() as session:
            behind = breakouts_behind(session, meeting_id)
        carry_end(deps, behind)


def breakouts_behind(session: Session, meeting_id: str) -> list[str]:
    """Return the breakouts of the meeting that have not ended and do not know its end as it is now."""
    statement = (
        select(col(Breakout.id))
        .join(Meeting, col(Meeting.id) == col(Breakout.meeting_id))
        .where(
            col(Breakout.meeting_id) == meeting_id,
            col(Breakout.state).in_(LIVE | PLANNED),
            col(Breakout.parent_ends_at).is_distinct_from(col(Meeting.ends_at)),
        )
    )
    return list(session.scalars(statement.order_by(col(Breakout.id))))


def carry_end(deps: Deps, breakout_ids: list[str]) -> None:
    """Let each of these breakouts follow its meeting's end, in a transaction of its own under its lock."""
    for breakout_id in breakout_ids:
        with locked_if_kept(deps, breakout_id) as b:
            if b is not None:
                follow_parent(b)


def _columns(body: MeetingChange) -> dict[str, object]:
    """Return the columns that the body gives, with their new values."""
    given = body.model_fields_set - {"room_presets"}
    of_rooms = body.room_presets.model_fields_set
    return {name: getattr(body, name) for name in given} | {
        ROOM_PRESETS[name]: getattr(body.room_presets, name) for name in of_rooms
    }


def require_to_come(session: Session, ends_at: datetime | None) -> None:
    """Raise Malformed for an end that is past. None is no end."""
    if ends_at is not None and ends_at <= database_now(session):
        raise Malformed("this time is past", ("body", "ends_at"), ProblemCode.TIME_PAST)
