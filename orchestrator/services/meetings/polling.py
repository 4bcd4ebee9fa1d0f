"""Which RealtimeKit meetings one pass polls, and how old the answers are."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session, col

from orchestrator import metrics
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.watching import (
    live_breakouts,
    poll_pause,
    seconds_between_calls,
    webhooks_come,
    webhooks_come_now,
)
from orchestrator.services.deps import Deps
from orchestrator.services.meetings.roll_call import Allowance, PolledMeeting
from orchestrator.store.database import Transaction
from orchestrator.store.queries import holds
from schemas.events import ProblemKind
from schemas.states import BreakoutState, RoomState, SeatState
from schemas.tables import IS_LIVE, Breakout, Meeting, Presence, Room, Seat

PASSES_FOR_ALL = 5
"""While webhooks come, each meeting is polled once in this many passes.

Meetings with an unexpected number of people are polled besides.
"""
LATE_AFTER = timedelta(seconds=60)
"""A poll that is older than this is reported to operators."""


_LIVE = select(Breakout).where(col(Breakout.meeting_id) == bindparam("of"), holds(Breakout, IS_LIVE))


def live_breakout(session: Session, meeting_id: str) -> Breakout | None:
    """Return the meeting's live breakout, not locked."""
    return session.scalar(_LIVE, {"of": meeting_id})


def meetings_to_poll(session: Session, meeting: Meeting, breakout: Breakout) -> list[PolledMeeting]:
    """Return the RealtimeKit meetings to look for people in.

    Once the seats point to main only the parent matters, because people left in rooms are put out in any case, and only
    while somebody has not been seen there.
    """
    if breakout.sent_home_at is not None and not _somebody_is_missing(session, breakout):
        return []
    known = _known(session, meeting.id)
    parent = PolledMeeting(
        meeting.realtimekit_meeting_id, None, known.get(None, 0), meeting.strangers, meeting.polled_at
    )
    if breakout.sent_home_at is not None:
        return [parent]
    columns = col(Room.realtimekit_meeting_id), col(Room.id), col(Room.strangers), col(Room.polled_at)
    statement = select(*columns).where(
        col(Room.breakout_id) == breakout.id, col(Room.state).in_([RoomState.OPEN, RoomState.CLOSING])
    )
    rooms = session.execute(statement).all()
    return [
        parent,
        *(PolledMeeting(its_id, room_id, known.get(room_id, 0), *rest) for its_id, room_id, *rest in rooms if its_id),
    ]


def _somebody_is_missing(session: Session, breakout: Breakout) -> bool:
    """Return whether somebody who is to come home was not seen there yet."""
    missing = col(Seat.breakout_id) == breakout.id, col(Seat.state).in_([SeatState.RETURNING, SeatState.LOST])
    return session.scalar(select(col(Seat.id)).where(*missing).limit(1)) is not None


def _known(session: Session, meeting_id: str) -> dict[str | None, int]:
    """Count the people who are known to be in each place: a room, or None for main."""
    statement = select(col(Presence.room_id), func.count()).where(
        col(Presence.meeting_id) == meeting_id, col(Presence.left_at).is_(None)
    )
    return dict(session.execute(statement.group_by(col(Presence.room_id))).all())


def allowance(deps: Deps, session: Session, meeting: Meeting, breakout: Breakout, meetings: int) -> Allowance:
    """Return how many of these meetings the next pass may poll."""
    pause = poll_pause(deps, session, meeting, breakout)
    most = max(1, int(pause.total_seconds() / (seconds_between_calls(deps) * live_breakouts(session))))
    if webhooks_come_now(meeting, breakout):
        return Allowance(most, math.ceil(meetings / PASSES_FOR_ALL))
    return Allowance(most // 2, most - most // 2)


def note_polled(tx: Transaction, meeting: Meeting, strangers: Mapping[PolledMeeting, int], at: datetime) -> None:
    """Store that these meetings were polled, and their numbers of strangers. Rooms that are not retired are locked."""
    by_number: defaultdict[int, list[str]] = defaultdict(list)
    for place, number in strangers.items():
        if place.room_id is None:
            meeting.polled_at, meeting.strangers = at, number
        else:
            by_number[number].append(place.room_id)
    for number, room_ids in by_number.items():
        statement = update(Room).where(col(Room.id).in_(room_ids), col(Room.retired_at).is_(None))
        tx.session.execute(statement.values(polled_at=at, strangers=number))


def report_lateness(b: LockedBreakout, meeting: Meeting, meetings: Sequence[PolledMeeting], asked_at: datetime) -> None:
    """Observe the age of the oldest poll, and report it once when it exceeds LATE_AFTER."""
    since = b.row.opened_at
    if not meetings or since is None or b.row.state is not BreakoutState.OPEN or webhooks_come(meeting, since):
        return
    age = asked_at - min(max(place.polled_at or since, since) for place in meetings)
    b.tx.count(partial(metrics.POLL_AGE.observe, age.total_seconds()))
    if age > LATE_AFTER and not b.row.polls_are_late:
        b.row.polls_are_late = True
        detail = (
            f"no webhooks come, and {len(meetings)} meetings are asked in turn who is in them: "
            f"comings and goings are seen up to {age.total_seconds():.0f} s late"
        )
        b.report(ProblemKind.PEOPLE_SEEN_LATE, detail)


def next_poll(
    deps: Deps, session: Session, meeting: Meeting, breakout: Breakout | None, now: datetime
) -> datetime | None:
    """Return when to poll next; None while no breakout is live."""
    return now + poll_pause(deps, session, meeting, breakout) if breakout else None
