"""How often RealtimeKit is asked who is where: seldom while its webhooks come, often enough while they do not."""

from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlmodel import Session

from orchestrator.realtimekit.quota.budget import usable_of
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.deps import Deps
from orchestrator.store import due
from schemas.states import BreakoutState
from schemas.tables import IS_LIVE, Breakout, Meeting

POLLING_SHARE = 0.55
"""The part of the quota that all meetings together may spend on asking about their places.

Of 1,200 calls in 5 minutes that is 21 places in 10 seconds: 100 rooms and the parent in 50 seconds. The list of
sessions takes a call or two more each time, and polling is never given more than 70 % (realtimekit/quota/budget.py).
"""
PAUSES_WITH_WEBHOOKS = 6
"""How many times longer the pauses are while webhooks come.

RealtimeKit sends them at least once (RealtimeKit docs), but this server may be away.
"""


LOOKS_BEFORE_START = (timedelta(seconds=45), timedelta(seconds=5))
"""How long before a scheduled start RealtimeKit is asked whether its meetings are ACTIVE: to mend, and to know."""
LOOK_AFTER_START = timedelta(seconds=0.5)
"""How long after the start of a prepared breakout it is asked: first everybody is told where to go."""
LOOK_WHILE_LIVE = timedelta(seconds=30)
"""How often it is asked while a breakout is live, and the first time if its rooms are only made at the start."""


def look_before(starts_at: datetime) -> list[datetime]:
    """Return when to look before a scheduled start."""
    return [starts_at - ahead for ahead in LOOKS_BEFORE_START]


def watch_planned(b: LockedBreakout) -> None:
    """Plan the looks at a breakout that is prepared, or that is to start by itself."""
    looks = [b.now + LOOKS_BEFORE_START[0]] if b.row.prepare_from and b.row.prepare_from <= b.now else []
    if b.row.state is BreakoutState.SCHEDULED and b.row.starts_at is not None:
        looks += [at for at in look_before(b.row.starts_at) if at > b.now]
    if looks:
        _plan_look(b, min(looks))


def watch_scheduled(b: LockedBreakout, starts_at: datetime) -> None:
    """Look now before a start that comes sooner than the last look before it would."""
    if starts_at - b.now < LOOKS_BEFORE_START[-1]:
        look_now(b)


def look_now(b: LockedBreakout) -> None:
    """Ask now whether the meetings are ACTIVE, unless that is due already."""
    b.tx.session.flush()
    meeting = b.tx.session.get_one(Meeting, b.row.meeting_id, populate_existing=True)
    if meeting.look_at is None or meeting.look_at > b.now:
        meeting.look_at = b.now
        due.want(b.tx, Meeting, [meeting.id])


def _plan_look(b: LockedBreakout, at: datetime) -> None:
    """Look at `at`, or earlier if that is planned."""
    meeting = b.tx.session.get_one(Meeting, b.row.meeting_id, populate_existing=True)
    if meeting.look_at is None or meeting.look_at > at:
        meeting.look_at = at
        b.tx.session.flush()
        due.due_by(b.tx, Meeting, {meeting.id: at})


def watch_people(b: LockedBreakout) -> None:
    """Begin to poll who is where, and to make tokens for main, because the breakout is live."""
    _plan_poll(b)
    due.want(b.tx, Meeting, [b.row.meeting_id])


def watch_started(b: LockedBreakout, *, is_prepared: bool) -> None:
    """Plan the first look after a start. Rooms that the start makes are ACTIVE, and it has asked for the parent."""
    _plan_look(b, b.now + (LOOK_AFTER_START if is_prepared else LOOK_WHILE_LIVE))


def expect_home(b: LockedBreakout) -> None:
    """Poll for people who return to main. Nobody has returned yet, so the first poll waits for its time."""
    due.due_by(b.tx, Meeting, {b.row.meeting_id: _plan_poll(b)})


def ask_who_is_home(b: LockedBreakout) -> None:
    """Poll now, unless a poll is due already: whoever has not returned is about to be given up."""
    b.tx.session.flush()
    meeting = b.tx.session.get_one(Meeting, b.row.meeting_id, populate_existing=True)
    if meeting.poll_at is None or meeting.poll_at > b.now:
        meeting.poll_at = b.now
        due.want(b.tx, Meeting, [meeting.id])


def _plan_poll(b: LockedBreakout) -> datetime:
    meeting = b.tx.session.get_one(Meeting, b.row.meeting_id, populate_existing=True)
    meeting.poll_at = b.now + poll_pause(b.deps, b.tx.session, meeting, b.row)
    return meeting.poll_at


def webhooks_come(meeting: Meeting, since: datetime | None) -> bool:
    """Return whether a webhook about this meeting has reached us since then."""
    return since is not None and meeting.webhook_at is not None and meeting.webhook_at >= since


def webhooks_come_now(meeting: Meeting, breakout: Breakout) -> bool:
    """Return whether webhooks have come since the breakout's last great move of people."""
    return webhooks_come(meeting, breakout.sent_home_at or breakout.starts_at)


def poll_pause(deps: Deps, session: Session, meeting: Meeting, breakout: Breakout) -> timedelta:
    """Return the time between two polls of a meeting.

    While people come home it is short enough to miss nobody whose webhook got lost. Else it is never so short that a
    call for each live breakout would need more than polling's share of the quota.
    """
    with_webhooks = webhooks_come_now(meeting, breakout)
    seconds = deps.settings.sync_seconds * (PAUSES_WITH_WEBHOOKS if with_webhooks else 1)
    if breakout.state is BreakoutState.CLOSING:
        longest = max(deps.grace if with_webhooks else deps.grace / 3, timedelta(seconds=1))
        return min(timedelta(seconds=seconds), longest)
    return timedelta(seconds=max(seconds, seconds_between_calls(deps) * live_breakouts(session)))


def seconds_between_calls(deps: Deps) -> float:
    """Return how far apart polling's calls are when they take their share of the quota and no more."""
    settings = deps.settings
    return settings.realtimekit_quota_window_seconds / (
        POLLING_SHARE * usable_of(settings.realtimekit_requests_per_5_minutes)
    )


def live_breakouts(session: Session) -> int:
    """Count the breakouts that share what polling may spend; at least one."""
    return max(1, session.scalar(select(func.count()).select_from(Breakout).where(text(IS_LIVE))) or 0)
