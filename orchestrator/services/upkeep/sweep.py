"""The sweep: daily or by command, end what RealtimeKit still has of rooms that nobody needs any more.

It only touches meetings whose title ends in this install's mark and a key, that are older than an hour, have no live
session, and belong to a room that is known here and that no living breakout needs. A room that is unknown here is
another's, where two deployments run on copies of one database, or was made after the backup from which the database was
restored. Only an operator knows which, so only the command ends its meeting (`unknown`). A parent meeting is touched
only if its key made another meeting that is known here, because RealtimeKit's search showed this one too late. A parent
that is not known here may be known to its caller. Besides, the sweep stops recordings that run on although their room
is closed here.

Repeating it does no harm. It reads RealtimeKit's list page by page, and each page is a pass of its own. When meetings
are retired, others move up to a page that was read already: the next sweep finds these.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.wording import count
from orchestrator.errors import RealtimeKitError, Refused
from orchestrator.log import logger
from orchestrator.services.breakout.locked import locked_if_kept
from orchestrator.services.deps import Deps
from orchestrator.services.passes.leased import release_for_retry, start_pass
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.services.upkeep import orphans
from orchestrator.services.upkeep.ending import end_meetings, stop_recording
from orchestrator.services.upkeep.orphans import Fate, Orphan
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.events import ProblemKind
from schemas.tables import ORPHANS, Sweep

log = logger(__name__)

MOST_TRIES = 5
"""Tries of a page on which something can't be ended. Then the next page follows, and this one is read the next day."""

PROBLEM_OF = {Fate.RETIRED: ProblemKind.MEETING_RETIRED_LATE, Fate.STOPPED: ProblemKind.RECORDING_STOPPED_LATE}
"""The problem that is reported in the breakout of an orphan that was ended."""

Check = Callable[[], None] | None
"""Called before each call to RealtimeKit; raises when the call must not go out."""


@dataclass
class SweptPage:
    """What came of one page. After an error the page is read again, which finds what is left."""

    found: list[Orphan] = field(default_factory=list)
    is_last: bool = False
    unread: RealtimeKitError | None = None
    """Why the page was not read to the end."""
    unended: RealtimeKitError | None = None
    """Why something on it could not be ended."""

    @property
    def error(self) -> RealtimeKitError | None:
        """Why there may be more to do on the page."""
        return self.unread or self.unended


def plan(deps: Deps) -> None:
    """Make the sweep due within SWEEP_SECONDS, unless it is due earlier."""
    with deps.database.transaction() as tx:
        due.due_by(tx, Sweep, {ORPHANS: tx.now() + _interval(deps)})


def sweep(deps: Deps, row_id: str, claim: int) -> Result:
    """Sweep one page, and make the next page due at once. This is the task of the sweep."""
    with start_pass(deps, Sweep, row_id, claim, _pages) as begun:
        if begun is None:
            return NOTHING_TO_DO
        lease, page = begun
        swept = sweep_page(deps, page, check=lease.before_call)
        error = swept.error if lease.claim.tries < MOST_TRIES else swept.unread
        if error is not None:
            return _handle_failure(deps, lease.claim, error)
        _record(deps, lease.claim, page, swept)
        ended = sum(orphan.fate in PROBLEM_OF for orphan in swept.found)
        return Result(f"page {page}{', the last' if swept.is_last else ''}, {count(ended, 'orphan')} ended")


def sweep_page(
    deps: Deps, page: int, *, dry_run: bool = False, unknown: bool = False, check: Check = None
) -> SweptPage:
    """End what nobody needs on one page of RealtimeKit's meetings, and with the first page also recordings.

    With `dry_run` nothing is ended, and the result holds what would be. With `unknown` meetings of rooms that the
    database does not know are ended too.
    """
    kit, swept = deps.realtimekit, SweptPage()
    try:
        if page == 1:
            _end_recordings(deps, swept, dry_run=dry_run, check=check)
        meetings, swept.is_last = kit.run(kit.meetings_page(page), check)
        with deps.database.reading() as session:
            suspects = orphans.meetings_nobody_needs(session, deps.install, meetings, unknown=unknown)
        ids = [meeting.id for meeting, _ in suspects]
        ends = kit.run(end_meetings(kit, ids, dry_run=dry_run), check)
    except RealtimeKitError as error:
        swept.unread = error
        return swept
    for (meeting, room), end in zip(suspects, ends, strict=True):
        if isinstance(end, RealtimeKitError):
            swept.unended = swept.unended or end
        else:
            _note(deps, swept, orphans.orphan("meeting", meeting.id, end, room))
    return swept


def _interval(deps: Deps) -> timedelta:
    return timedelta(seconds=deps.settings.sweep_seconds)


def _pages(_: Deps, tx: Transaction, row_ids: Sequence[str]) -> dict[str, int]:
    rows = tx.session.scalars(select(Sweep).where(col(Sweep.id).in_(row_ids)))
    return {row.id: row.page for row in rows}


def _record(deps: Deps, claim: due.Claim, page: int, swept: SweptPage) -> None:
    with deps.database.transaction() as tx:
        due.record(tx, claim)
        now = tx.now()
        tx.session.get_one(Sweep, claim.row_id).page = 1 if swept.is_last else page + 1
        due.release(tx, claim, due_at=now + _interval(deps) if swept.is_last else now)


def _handle_failure(deps: Deps, claim: due.Claim, error: RealtimeKitError) -> Result:
    """Make the same page due again soon. After a refusal, begin with the first page the next day."""
    with deps.database.transaction() as tx:
        if isinstance(error, Refused):
            due.record(tx, claim)
            tx.session.get_one(Sweep, claim.row_id).page = 1
            due.release(tx, claim, due_at=tx.now() + _interval(deps))
            return Result("refused", error.message)
        release_for_retry(tx, claim, error)
        return Result("will try again", error.message)


def _end_recordings(deps: Deps, swept: SweptPage, *, dry_run: bool, check: Check) -> None:
    """Stop recordings of rooms that are closed here, and follow them like any other recording."""
    kit = deps.realtimekit
    running = kit.run(kit.running_recordings(), check)
    with deps.database.reading() as session:
        late = [(record, room) for record in running if (room := orphans.closed_room_of(session, record))]
    for record, room in late:
        end = stop_recording(deps, room, record, check, dry_run=dry_run)
        if isinstance(end, RealtimeKitError):
            swept.unended = swept.unended or end
        else:
            _note(deps, swept, orphans.orphan("recording", record.id, end, room))


def _note(deps: Deps, swept: SweptPage, orphan: Orphan) -> None:
    """Note an orphan in the result, in the log, and among the problems of its breakout."""
    swept.found.append(orphan)
    log.info("an orphan at RealtimeKit", **asdict(orphan))
    if orphan.fate in PROBLEM_OF and orphan.breakout_id is not None:
        detail = f"{orphan.kind} {orphan.realtimekit_id} was still there"
        with locked_if_kept(deps, orphan.breakout_id) as b:
            if b is not None:
                b.report(PROBLEM_OF[orphan.fate], detail, room_id=orphan.room_id, realtimekit_id=orphan.realtimekit_id)
