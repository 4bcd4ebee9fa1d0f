"""When RealtimeKit is asked who is where: seldom while its webhooks tell, often enough when they do not."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import func, select, text, update
from sqlmodel import col

from orchestrator import metrics
from orchestrator.realtimekit.quota.budget import usable_of
from orchestrator.services.breakout.moves import report_problem
from orchestrator.services.deps import Deps
from orchestrator.services.meetings.roll_call import Place, Turns
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.states import LIVE, BreakoutState, RoomState
from schemas.tables import IS_LIVE, Breakout, Meeting, Presence, Room

SHARE = 0.55
"""Of the quota, how much all meetings together may spend on asking about their places.

Of 1,200 calls in 5 minutes that is 21 places in 10 seconds: 100 rooms and the parent in 50 seconds. Beside it the list
of sessions takes a call or two each time, and more than 70 % polling is never given (budget.py).
"""
TOLD = 6
"""How many times longer the pauses are while webhooks come.

They are sent at least once (RealtimeKit docs), but we may be away. Then only such places are asked about where another
number of people is than we were told, and each of the others once in ALL_OVER passes.
"""
ALL_OVER = 5
LATE = timedelta(seconds=60)
"""Who is where is known later than this: an operator should know."""


def watch(deps: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> None:
    """From now on it matters who is where in this breakout's meeting, and that everybody has a token for it."""
    _plan(deps, tx, breakout, now)
    due.want(tx, Meeting, [breakout.meeting_id])


def expect_home(deps: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> None:
    """From now on it matters who comes home, which nobody has yet."""
    due.due_by(tx, Meeting, [breakout.meeting_id], _plan(deps, tx, breakout, now))


def _plan(deps: Deps, tx: Transaction, breakout: Breakout, now: datetime) -> datetime:
    meeting = tx.session.get_one(Meeting, breakout.meeting_id, populate_existing=True)
    meeting.poll_at = now + _pace(deps, tx, meeting, breakout)
    return meeting.poll_at


def live_breakout(tx: Transaction, meeting_id: str) -> Breakout | None:
    """The meeting's breakout that is opening, open or closing, as it was last seen."""
    statement = select(Breakout).where(col(Breakout.meeting_id) == meeting_id, col(Breakout.state).in_(LIVE))
    return tx.session.scalar(statement)


def places_to_poll(tx: Transaction, meeting: Meeting, breakout: Breakout) -> list[Place]:
    """The RealtimeKit meetings to look for people in.

    Once the seats point to main only the parent matters: what is left in rooms is put out in any case.
    """
    known = _known(tx, meeting.id)
    places = [Place(meeting.realtimekit_meeting_id, None, known.get(None, 0), meeting.strangers, meeting.polled_at)]
    if breakout.emptied_at is not None:
        return places
    columns = col(Room.realtimekit_meeting_id), col(Room.id), col(Room.strangers), col(Room.polled_at)
    statement = select(*columns).where(
        col(Room.breakout_id) == breakout.id, col(Room.state).in_([RoomState.OPEN, RoomState.CLOSING])
    )
    rooms = tx.session.execute(statement).all()
    return places + [Place(its_id, room_id, known.get(room_id, 0), *rest) for its_id, room_id, *rest in rooms if its_id]


def _known(tx: Transaction, meeting_id: str) -> dict[str | None, int]:
    statement = select(col(Presence.room_id), func.count()).where(
        col(Presence.meeting_id) == meeting_id, col(Presence.left_at).is_(None)
    )
    return dict(tx.session.execute(statement.group_by(col(Presence.room_id))).all())


def turns(deps: Deps, tx: Transaction, meeting: Meeting, breakout: Breakout, places: Sequence[Place]) -> Turns:
    """About how many of these places the next pass may ask."""
    pace = _pace(deps, tx, meeting, breakout)
    most = max(1, int(pace.total_seconds() / (_seconds_a_call(deps) * _live(tx))))
    if _told(meeting, breakout):
        return Turns(most, math.ceil(len(places) / ALL_OVER))
    return Turns(most // 2, most - most // 2)


def _seconds_a_call(deps: Deps) -> float:
    """How far apart calls for polling are, all in all, when they take their share of the quota and no more."""
    settings = deps.settings
    return settings.realtimekit_quota_window_seconds / (SHARE * usable_of(settings.realtimekit_requests_per_5_minutes))


def _live(tx: Transaction) -> int:
    """How many breakouts share what polling may spend."""
    return max(1, tx.session.scalar(select(func.count()).select_from(Breakout).where(text(IS_LIVE))) or 0)


def polled(tx: Transaction, meeting: Meeting, strangers: Mapping[Place, int], at: datetime) -> None:
    """Who is in these places is known as of then, with so many others. To be called before any seat is locked."""
    by_number: defaultdict[int, list[str]] = defaultdict(list)
    for place, number in strangers.items():
        if place.room_id is None:
            meeting.polled_at, meeting.strangers = at, number
        else:
            by_number[number].append(place.room_id)
    due.lock_rows(tx, Room, [room_id for room_ids in by_number.values() for room_id in room_ids])
    for number, room_ids in by_number.items():
        statement = update(Room).where(col(Room.id).in_(room_ids))
        tx.session.execute(statement.values(polled_at=at, strangers=number))


def report_lateness(
    tx: Transaction, meeting: Meeting, breakout: Breakout, places: Sequence[Place], now: datetime
) -> None:
    """Count how old the oldest of what we know was, and tell the operator, once, when that is late."""
    since = breakout.opened_at
    if not places or since is None or breakout.state is not BreakoutState.OPEN or webhooks_come(meeting, since):
        return
    age = now - min(max(place.polled_at or since, since) for place in places)
    tx.count(partial(metrics.POLL_AGE.observe, age.total_seconds()))
    if age > LATE and not breakout.polls_are_late:
        breakout.polls_are_late = True
        detail = (
            f"no webhooks come, and {len(places)} meetings are asked in turn who is in them: "
            f"comings and goings are seen up to {age.total_seconds():.0f} s late"
        )
        report_problem(tx, breakout, now, what="people seen late", detail=detail)


def webhooks_come(meeting: Meeting, since: datetime | None) -> bool:
    """Whether RealtimeKit's webhooks are known to reach us: one about this meeting has, since then."""
    return since is not None and meeting.webhook_at is not None and meeting.webhook_at >= since


def next_poll(
    deps: Deps, tx: Transaction, meeting: Meeting, breakout: Breakout | None, now: datetime
) -> datetime | None:
    """When to ask next; None while no breakout runs."""
    return now + _pace(deps, tx, meeting, breakout) if breakout else None


def _told(meeting: Meeting, breakout: Breakout) -> bool:
    return webhooks_come(meeting, breakout.emptied_at or breakout.starts_at)


def _pace(deps: Deps, tx: Transaction, meeting: Meeting, breakout: Breakout) -> timedelta:
    """How long between two passes. While people come home, soon enough to miss nobody whose webhook got lost.

    Else never so short that a call for each breakout that runs would need more than polling's share of the quota.
    """
    told = _told(meeting, breakout)
    seconds = deps.settings.sync_seconds * (TOLD if told else 1)
    if breakout.state is BreakoutState.CLOSING:
        return min(timedelta(seconds=seconds), max(deps.grace if told else deps.grace / 3, timedelta(seconds=1)))
    return timedelta(seconds=max(seconds, _seconds_a_call(deps) * _live(tx)))
