"""What a planned breakout does by itself: it is prepared, it starts, or it misses its start."""

from datetime import datetime, timedelta
from functools import partial

from orchestrator import metrics
from orchestrator.errors import Malformed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.clock import require_time_left, too_late
from orchestrator.services.breakout.dealing import deal_ahead, is_solving
from orchestrator.services.breakout.opening import begin_opening, live_breakout, require_startable, want_rooms
from orchestrator.services.breakout.planned_rooms import why_roomless
from orchestrator.services.breakout.preparing import plan_preparation
from orchestrator.services.breakout.series import follow_round_before
from orchestrator.services.breakout.watching import watch_planned, watch_scheduled
from orchestrator.store.queries import lock_meeting
from schemas.events import Actor, ProblemKind
from schemas.problems import ProblemCode
from schemas.states import PLANNED, BreakoutState, Deal, PlanState, RoomWanted


def planned_step(b: LockedBreakout) -> None:
    """Do what is due for a breakout that has not started.

    1. Schedule a round whose time has come because the one before has ended.
    2. Give a start up whose grace is over, or that is too late for the parent's end, before anything is made for it.
    3. Reconsider when to prepare it, because people may have registered who are to be dealt.
    4. Deal the people of a breakout that is to be prepared, and make its rooms, unless it has none.
    5. Start it when its time has come and no other breakout of the meeting is live.
       Preparing and starting wait for groups that the solver's task is looking for.
    6. Else plan when RealtimeKit is asked whether the meetings are ACTIVE.
    """
    follow_round_before(b)
    starts_at = b.row.starts_at if b.row.state is BreakoutState.SCHEDULED else None
    if starts_at is not None and (why := _why_missed(b, starts_at)):
        with b.acting(Actor.TIMER):
            give_start_up(b, ProblemKind.START_MISSED, why)
    if starts_at is not None and b.row.dealt_at is None and b.row.prepare_from and b.now < b.row.prepare_from:
        plan_preparation(b, starts_at)
    is_to_prepare = b.row.prepare_from is not None and b.now >= b.row.prepare_from
    if is_to_prepare and not why_roomless(b) and not is_solving(b):
        deal_ahead(b)
        want_rooms(b, RoomWanted.READY)
    if b.row.state is BreakoutState.SCHEDULED and starts_at is not None and starts_at <= b.now:
        with b.acting(Actor.TIMER):
            _start(b, starts_at)
    if b.row.state in PLANNED:
        watch_planned(b)


def start_now(b: LockedBreakout) -> bool:
    """Start a plan. One whose groups are still looked for is scheduled for now, so that it starts once they are there.

    Returns False when it waits for them already. Raises WrongState while another breakout of its meeting is live,
    Malformed when its meeting ends too soon, and for one without rooms.
    """
    require_startable(b)
    if not is_solving(b):
        begin_opening(b)
        b.leave_to_task()
        return True
    if b.row.state is BreakoutState.SCHEDULED and b.row.starts_at is not None and b.row.starts_at <= b.now:
        return False
    if b.row.state is BreakoutState.DRAFT:
        b.move(BreakoutState.SCHEDULED)
    b.row.starts_at = b.now
    return True


def schedule(b: LockedBreakout, at: datetime) -> None:
    """Let a planned breakout start at this time. Raises Malformed for one that is past, or too late for the meeting."""
    if at <= b.now:
        raise Malformed("this time is past", ("body", "start"), ProblemCode.TIME_PAST)
    require_time_left(b, at)
    b.row.awaits_round = False
    b.row.scheduled_for = b.row.starts_at = at
    if all(room.wanted is RoomWanted.NOTHING for room in b.rooms()):
        plan_preparation(b, at)
    if b.row.state is BreakoutState.DRAFT:
        b.move(BreakoutState.SCHEDULED)
    watch_scheduled(b, at)


def make_draft(b: LockedBreakout) -> None:
    """Make a scheduled breakout a draft.

    Rooms that are prepared stay so, because a prepared draft starts at once. Rooms that were to be prepared for that
    start alone are not made any more, and groups that were to be those of the start are a preview again.
    """
    b.move(BreakoutState.DRAFT)
    b.row.scheduled_for = b.row.starts_at = None
    if all(room.wanted is RoomWanted.NOTHING for room in b.rooms()):
        b.row.prepare_from = None
        b.row.dealt_at = None if b.row.deal is Deal.AT_START else b.row.dealt_at


def give_start_up(b: LockedBreakout, kind: ProblemKind, detail: str) -> None:
    """Make a scheduled breakout a draft again, and report why."""
    make_draft(b)
    b.report(kind, detail)


def _start(b: LockedBreakout, starts_at: datetime) -> None:
    meeting = lock_meeting(b.tx, b.row.meeting_id)
    if meeting.inactive_since is not None:
        give_start_up(b, ProblemKind.PARENT_INACTIVE, "the main meeting is not ACTIVE at RealtimeKit")
    elif why := too_late(b, b.now) or why_roomless(b):
        give_start_up(b, ProblemKind.START_MISSED, why)
    elif live_breakout(b) is None and not is_solving(b):
        b.tx.count(partial(metrics.count_lateness, "starts_at", b.now - starts_at))
        begin_opening(b)


def _why_missed(b: LockedBreakout, starts_at: datetime) -> str | None:
    """Return why a start has to be given up; None while it has not."""
    if why := too_late(b, starts_at):
        return why
    if b.row.plan_state is PlanState.SOLVING:
        return None
    if b.now <= starts_at + timedelta(seconds=b.deps.settings.start_grace_seconds):
        return None
    live = live_breakout(b)
    reason = f"another breakout of this meeting is {live.state}" if live else "nothing ran that could have started it"
    seconds = b.deps.settings.start_grace_seconds
    return f"it was to start at {starts_at:%Y-%m-%dT%H:%M:%SZ}, and could not within {seconds:g} s: {reason}"
