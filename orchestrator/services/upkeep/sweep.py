"""The sweep: what was left at RealtimeKit of rooms that nobody needs any more is ended, once a day or when asked.

Only meetings are touched whose title ends in this install's mark and a key, that are older than an hour, have no live
session, and that no living breakout owns: their room is retired, or unknown here, say because the database was restored
from a backup. Of parents those whose key made another meeting that is known here: RealtimeKit's search showed them too
late. A parent that is not known here may be known to its caller. And recordings that run on although their room is
closed here.

Repeating it does no harm. It goes through RealtimeKit's list page by page, each a pass of its own; what slides onto a
page that was read already, because others were retired meanwhile, is found the next time.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import Session, col

from orchestrator.domain.wording import count
from orchestrator.errors import RealtimeKitError, Refused
from orchestrator.log import logger
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import MeetingRecord, RecordingRecord
from orchestrator.realtimekit.titles import parent_key, room_key
from orchestrator.services.breakout import recordings
from orchestrator.services.breakout.moves import report_problem
from orchestrator.services.deps import Deps
from orchestrator.services.passes.leased import release_for_retry, start_pass
from orchestrator.store import due
from orchestrator.store.database import Transaction, database_now
from orchestrator.store.queries import lock_breakout
from schemas.states import BreakoutState, RecordingState
from schemas.tables import ORPHANS, Breakout, Meeting, Recording, Room, Sweep

log = logger(__name__)

OLD = timedelta(hours=1)
"""Before that a meeting may belong to a room that has not been recorded yet."""
IN_USE = "in use"
MOST_TRIES = 5
"""Of a page on which something can't be ended: then come the others, and it has its turn again the next day."""
ENDINGS = frozenset({"retired", "stopped"})
ENDED = frozenset({BreakoutState.CLOSED, BreakoutState.CANCELLED, BreakoutState.FAILED})

Check = Callable[[], None] | None
"""Asked before each call whether it may go out."""


@dataclass(frozen=True)
class Orphan:
    """Something at RealtimeKit that nobody here needs; `fate` is what became of it."""

    kind: str
    realtimekit_id: str
    fate: str
    breakout_id: str | None = None
    room_id: str | None = None


@dataclass
class Page:
    """What came of one page; with an error it has to be read again, which finds what is left."""

    found: list[Orphan] = field(default_factory=list)
    is_last: bool = False
    unread: RealtimeKitError | None = None
    """Why it was not read to the end."""
    unended: RealtimeKitError | None = None
    """Why something on it could not be ended."""

    @property
    def error(self) -> RealtimeKitError | None:
        """Why there may be more to do on it."""
        return self.unread or self.unended


def plan(deps: Deps) -> None:
    """See that the sweep is due within RECONCILE_SECONDS; what is due earlier stays so."""
    with deps.database.transaction() as tx:
        due.due_by(tx, Sweep, [ORPHANS], tx.now() + _interval(deps))


def sweep(deps: Deps, row_id: str, claim: int) -> str:
    """The task of the sweep: one page, and then the next at once."""
    with start_pass(deps, Sweep, row_id, claim, _pages) as begun:
        if begun is None:
            return "nothing to do"
        lease, page = begun
        read = read_page(deps, page, check=lease.before_call)
        error = read.error if lease.claim.tries < MOST_TRIES else read.unread
        if error is not None:
            return _could_not(deps, lease.claim, error)
        with deps.database.transaction() as tx:
            due.record(tx, lease.claim)
            now = tx.now()
            tx.session.get_one(Sweep, row_id).page = 1 if read.is_last else page + 1
            due.release(tx, lease.claim, due_at=now + _interval(deps) if read.is_last else now)
        ended = sum(orphan.fate in ENDINGS for orphan in read.found)
        return f"page {page}{', the last' if read.is_last else ''}: {count(ended, 'orphan')} ended"


def read_page(deps: Deps, page: int, *, dry_run: bool = False, check: Check = None) -> Page:
    """End what nobody needs on one page of RealtimeKit's meetings, and with the first one also recordings."""
    kit, read = deps.realtimekit, Page()
    try:
        if page == 1:
            _end_recordings(deps, read, dry_run=dry_run, check=check)
        meetings, read.is_last = kit.run(kit.meetings_page(page), check)
        with deps.database.reading() as session:
            old = _old(session, meetings)
            suspects = [*_unowned(deps, session, old), *((it, None) for it in _surplus_parents(deps, session, old))]
        fates = kit.run(_end_all(kit, [meeting for meeting, _ in suspects], dry_run=dry_run), check)
    except RealtimeKitError as error:
        read.unread = error
        return read
    for (meeting, room), fate in zip(suspects, fates, strict=True):
        if isinstance(fate, RealtimeKitError):
            read.unended = read.unended or fate
        else:
            _note(deps, read, _orphan("meeting", meeting.id, fate, room))
    return read


def _interval(deps: Deps) -> timedelta:
    return timedelta(seconds=deps.settings.reconcile_seconds)


def _pages(tx: Transaction, row_ids: Sequence[str]) -> dict[str, int]:
    rows = tx.session.scalars(select(Sweep).where(col(Sweep.id).in_(row_ids)))
    return {row.id: row.page for row in rows}


def _could_not(deps: Deps, claim: due.Claim, error: RealtimeKitError) -> str:
    """The same page again soon; what RealtimeKit refuses, from the beginning the next day."""
    with deps.database.transaction() as tx:
        if isinstance(error, Refused):
            due.record(tx, claim)
            tx.session.get_one(Sweep, claim.row_id).page = 1
            due.release(tx, claim, due_at=tx.now() + _interval(deps))
            return f"refused: {error.message}"
        release_for_retry(tx, claim, error)
        return f"will try again: {error.message}"


def _old(session: Session, meetings: Iterable[MeetingRecord]) -> list[MeetingRecord]:
    before = database_now(session) - OLD
    return [meeting for meeting in meetings if meeting.created_at and meeting.created_at < before]


def _unowned(
    deps: Deps, session: Session, meetings: Sequence[MeetingRecord]
) -> list[tuple[MeetingRecord, Room | None]]:
    """Meetings of rooms that no living breakout owns, each with its room where that is known."""
    ours = {meeting.id: key for meeting in meetings if (key := room_key(meeting.title, deps.install))}
    rooms = _rooms(session, col(Room.key).in_(set(ours.values())))
    owned = {room.key for room, state in rooms if _is_owned(room, state)}
    by_key = {room.key: room for room, _ in rooms}
    return [
        (meeting, by_key.get(ours[meeting.id]))
        for meeting in meetings
        if meeting.id in ours and ours[meeting.id] not in owned
    ]


def _surplus_parents(deps: Deps, session: Session, meetings: Sequence[MeetingRecord]) -> list[MeetingRecord]:
    """Meetings with the key of a parent that is another one, and that nobody has adopted since."""
    keys = {meeting.id: key for meeting in meetings if (key := parent_key(meeting.title, deps.install))}
    known = or_(col(Meeting.key).in_(set(keys.values())), col(Meeting.realtimekit_meeting_id).in_(keys))
    parents = session.scalars(select(Meeting).where(known)).all()
    made, adopted = {parent.key for parent in parents}, {parent.realtimekit_meeting_id for parent in parents}
    return [it for it in meetings if it.id in keys and keys[it.id] in made and it.id not in adopted]


def _rooms(session: Session, condition: Any) -> list[tuple[Room, BreakoutState]]:
    statement = select(Room, col(Breakout.state)).join(Breakout, col(Breakout.id) == col(Room.breakout_id))
    return [(room, state) for room, state in session.execute(statement.where(condition))]


def _is_owned(room: Room, state: BreakoutState) -> bool:
    """Whether the room lives, may yet be opened, or its own task still has something to do."""
    return room.retired_at is None and (state not in ENDED or room.due_at is not None)


async def _end_all(
    kit: RealtimeKit, meetings: Sequence[MeetingRecord], *, dry_run: bool
) -> list[str | RealtimeKitError]:
    return await asyncio.gather(*(_end(kit, meeting.id, dry_run=dry_run) for meeting in meetings))


async def _end(kit: RealtimeKit, meeting_id: str, *, dry_run: bool) -> str | RealtimeKitError:
    """The meeting's fate, or why it has none yet."""
    try:
        if await kit.active_session(meeting_id):
            return IN_USE
        if dry_run:
            return "to be retired"
        running = await kit.active_recording(meeting_id, priority=Priority.POLLING)
        if running is not None:
            await kit.stop_recording(running.id, priority=Priority.POLLING)
        await kit.retire_meeting(meeting_id, priority=Priority.POLLING)
    except Refused as error:
        return _refused(error)
    except RealtimeKitError as error:
        return error
    return "retired"


def _refused(error: Refused) -> str:
    """The fate of what RealtimeKit does not let us end: trying again at once would keep all others waiting."""
    return f"refused: {error.message}"


def _end_recordings(deps: Deps, read: Page, *, dry_run: bool, check: Check) -> None:
    """Stop what still records rooms that are closed here, and follow it like any other recording."""
    kit = deps.realtimekit
    running = kit.run(kit.running_recordings(), check)
    with deps.database.reading() as session:
        late = [(record, room) for record in running if (room := _closed_room_of(session, record))]
    for record, room in late:
        try:
            fate = "to be stopped" if dry_run else _stop(deps, room, record, check)
        except Refused as error:
            fate = _refused(error)
        except RealtimeKitError as error:
            read.unended = read.unended or error
            continue
        _note(deps, read, _orphan("recording", record.id, fate, room))


def _stop(deps: Deps, room: Room, record: RecordingRecord, check: Check) -> str:
    stopped = deps.realtimekit.run(deps.realtimekit.stop_recording(record.id, priority=Priority.POLLING), check)
    _store_stopped(deps, room, record, stopped)
    return "stopped"


def _closed_room_of(session: Session, record: RecordingRecord) -> Room | None:
    known = select(col(Recording.room_id)).where(col(Recording.realtimekit_recording_id) == record.id)
    room_id = session.scalar(known)
    condition = col(Room.id) == room_id if room_id else col(Room.realtimekit_meeting_id) == record.meeting_id
    rooms = _rooms(session, condition) if room_id or record.meeting_id else []
    return next((room for room, state in rooms if not _is_owned(room, state)), None)


def _store_stopped(deps: Deps, room: Room, record: RecordingRecord, stopped: RecordingRecord | None) -> None:
    with deps.database.transaction() as tx:
        breakout, now = lock_breakout(tx, room.breakout_id), tx.now()
        known = select(Recording).where(col(Recording.realtimekit_recording_id) == record.id)
        recording = tx.session.scalar(known) or _adopted(tx, room, record, now)
        fact = stopped or RecordingRecord(id=record.id, status="UPLOADING")
        recordings.merge(tx, breakout, recording, fact, now)
        recordings.schedule_follow(tx, recording, now)


def _adopted(tx: Transaction, room: Room, record: RecordingRecord, now: datetime) -> Recording:
    """A recording that was started without our knowing."""
    recording = Recording(
        breakout_id=room.breakout_id,
        room_id=room.id,
        state=RecordingState.RECORDING,
        realtimekit_recording_id=record.id,
        started_at=record.started_at or now,
        created_at=now,
    )
    tx.session.add(recording)
    tx.session.flush()
    return recording


def _orphan(kind: str, realtimekit_id: str, fate: str, room: Room | None) -> Orphan:
    return Orphan(kind, realtimekit_id, fate, room.breakout_id if room else None, room.id if room else None)


def _note(deps: Deps, read: Page, orphan: Orphan) -> None:
    """Also in the log, and where its breakout is known among that one's problems."""
    read.found.append(orphan)
    log.info("an orphan at RealtimeKit", **asdict(orphan))
    if orphan.fate in ENDINGS and orphan.breakout_id is not None:
        what = f"{orphan.kind} {orphan.fate} late"
        detail = f"{orphan.kind} {orphan.realtimekit_id} was still there"
        with deps.database.transaction() as tx:
            breakout = lock_breakout(tx, orphan.breakout_id)
            report_problem(tx, breakout, tx.now(), what=what, detail=detail, room_id=orphan.room_id)
