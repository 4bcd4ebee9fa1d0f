"""Whether a parent meeting and its rooms' meetings are ACTIVE at RealtimeKit, where others may change that.

A look asks for the parent, and lists the meetings that are ACTIVE: one call for a hundred rooms. A room that is not in
the list is checked by its own pass, which mends it (orchestrator/services/rooms/checking.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from orchestrator.domain.timing import earliest
from orchestrator.errors import NotFound, RealtimeKitError
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.breakout.locked import MeetingScope
from orchestrator.services.breakout.watching import LOOK_WHILE_LIVE, look_before
from orchestrator.services.deps import Deps
from orchestrator.store import due
from orchestrator.store.queries import holds
from schemas.events import ProblemKind
from schemas.states import LIVE, PLANNED, BreakoutState, RoomWanted
from schemas.tables import IS_LIVE, IS_UNFINISHED, Breakout, Meeting, Room

WHILE_PREPARED = timedelta(minutes=5)
LONGEST_WHILE_PREPARED = timedelta(hours=1)
PREPARED_SHARE = 12
"""A draft that has been prepared for long is looked at after this part of the time since, within these two bounds."""


@dataclass(frozen=True)
class Look:
    """What one look asks for."""

    rooms: Mapping[str, str]
    """Our room by the id of its meeting at RealtimeKit."""
    since: datetime
    priority: Priority


@dataclass
class Looked:
    """What a look has shown."""

    is_active: bool | None = None
    """Whether the parent is ACTIVE; None without an answer, which changes nothing."""
    suspects: Sequence[str] = field(default=())
    """Rooms whose meetings are not in the list."""


def read(session: Session, meeting: Meeting, now: datetime) -> Look | None:
    """Return the look that is due, or None."""
    if meeting.look_at is None or meeting.look_at > now:
        return None
    statement = (
        select(col(Room.realtimekit_meeting_id), col(Room.id), col(Breakout.created_at), col(Breakout.state))
        .join(Breakout, col(Breakout.id) == col(Room.breakout_id))
        .where(
            col(Breakout.meeting_id) == meeting.id,
            holds(Breakout, IS_UNFINISHED),
            col(Room.wanted).in_([RoomWanted.READY, RoomWanted.OPEN]),
            col(Room.realtimekit_meeting_id).is_not(None),
            ~col(Room.to_check),
        )
    )
    rows = session.execute(statement).all()
    is_live = any(state in LIVE for *_, state in rows)
    return Look(
        rooms={at_realtimekit: room_id for at_realtimekit, room_id, *_ in rows},
        since=min((created_at for _, _, created_at, _ in rows), default=now),
        priority=Priority.OPENING if is_live else Priority.PREPARING,
    )


async def ask(kit: RealtimeKit, realtimekit_meeting_id: str, look: Look) -> Looked:
    """Ask. A call that fails shows nothing, and the next look follows soon."""
    looked = Looked()
    try:
        looked.is_active = (await kit.get_meeting(realtimekit_meeting_id, priority=look.priority)).is_active
    except NotFound:
        looked.is_active = False
    except RealtimeKitError:
        pass
    try:
        if look.rooms:
            listed = await kit.meetings_since(look.since, by_start_time=False, priority=look.priority)
            active = {meeting.id for meeting in listed}
            looked.suspects = [room_id for its_id, room_id in look.rooms.items() if its_id not in active]
    except RealtimeKitError:
        pass
    return looked


def check_rooms(deps: Deps, looked: Looked | None) -> None:
    """Let the passes of suspected rooms check them. This is a transaction of its own: it has no breakout's lock."""
    if looked is None or not looked.suspects:
        return
    with deps.database.transaction() as tx:
        due.lock_rows(tx, Room, looked.suspects)
        tx.session.execute(update(Room).where(col(Room.id).in_(looked.suspects)).values(to_check=True))
        due.want(tx, Room, looked.suspects)


def record(m: MeetingScope, meeting: Meeting, looked: Looked | None) -> None:
    """Store what a look has shown of the parent, report it once while a breakout is live, and plan the next look."""
    if looked is None:
        return
    if looked.is_active is not None:
        meeting.inactive_since = None if looked.is_active else meeting.inactive_since or m.now
    b = m.breakout
    if b is not None and b.row.state in LIVE:
        is_new = meeting.inactive_since is not None and not b.row.parent_is_reported
        b.row.parent_is_reported = meeting.inactive_since is not None
        if is_new:
            b.report(ProblemKind.PARENT_INACTIVE, "the main meeting is not ACTIVE at RealtimeKit: nobody can join it")
    meeting.look_at = _next_look(m.tx.session, meeting.id, m.now)


def _next_look(session: Session, meeting_id: str, now: datetime) -> datetime | None:
    """Return when to look next: often while a breakout is live, shortly before a start, and now and then at drafts."""
    of_meeting = col(Breakout.meeting_id) == meeting_id
    if session.scalar(select(col(Breakout.id)).where(of_meeting, holds(Breakout, IS_LIVE))):
        return now + LOOK_WHILE_LIVE
    planned = of_meeting, holds(Breakout, IS_UNFINISHED), col(Breakout.state).in_(PLANNED)
    starts = select(col(Breakout.starts_at)).where(*planned, col(Breakout.state) == BreakoutState.SCHEDULED)
    looks = [at for starts_at in session.scalars(starts) if starts_at for at in look_before(starts_at) if at > now]
    prepared = select(func.max(col(Breakout.prepare_from))).where(*planned, col(Breakout.prepare_from) <= now)
    since = session.scalar(prepared)
    if since is None:
        return earliest(*looks)
    pause = min(max(WHILE_PREPARED, (now - since) / PREPARED_SHARE), LONGEST_WHILE_PREPARED)
    return earliest(now + pause, *looks)
