"""Deadlines and backoff, computed from the facts given and never from a clock of this process."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from schemas.states import BreakoutState

FIRST_DISPATCH_SECONDS = 5.0
LAST_DISPATCH_SECONDS = 30.0
REST_SECONDS = 0.25
"""How long a paced row rests after its work.

The webhooks and acks of 20 people who went to their rooms came one by one within 2 s. Without a rest, 25 batches
applied them, and a batch costs 20 ms of processor time, whatever is in it (measured).
"""
FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 30.0
FIRST_REFUSED_SECONDS = 5.0
LAST_REFUSED_SECONDS = 300.0
FIRST_FOLLOW_SECONDS = 10.0
LAST_FOLLOW_SECONDS = 120.0
PAUSES_GROW_TIMES = 6
"""How many times as long the pause between two looks gets at last."""
MOST_DOUBLINGS = 16
"""By then every delay here has reached its last value."""
FOLLOW_HOURS = 24
"""An upload that has not ended after this has failed. A recording itself lasts at most a day (RealtimeKit docs)."""


def dispatch_delays() -> list[float]:
    """Return the seconds after which a message that nobody started is sent again. They double up to half a minute."""
    delays = [FIRST_DISPATCH_SECONDS]
    while delays[-1] < LAST_DISPATCH_SECONDS:
        delays.append(min(delays[-1] * 2, LAST_DISPATCH_SECONDS))
    return delays


def dispatched_at(due_at: datetime, dispatches: int) -> datetime:
    """Return when the last of these dispatches was, of a row that is due again at `due_at`."""
    delays = dispatch_delays()
    return due_at - timedelta(seconds=delays[min(dispatches, len(delays)) - 1])


def waited(dispatches: int) -> timedelta:
    """Return how long before a row's present `due_at` the first of these dispatches was, if none came early."""
    delays = dispatch_delays()
    return timedelta(seconds=sum(delays[:dispatches]) + max(0, dispatches - len(delays)) * delays[-1])


def backoff(tries: int, jitter: random.Random) -> timedelta:
    """Return how long to hold a row back after its `tries`-th failed pass: 50 to 100 % of a delay that doubles."""
    ceiling = _doubled(FIRST_RETRY_SECONDS, tries - 1, LAST_RETRY_SECONDS)
    return timedelta(seconds=jitter.uniform(ceiling / 2, ceiling))


def refused_pause(refusals: int) -> timedelta:
    """Return how long to wait after so many refusals by RealtimeKit, because a refusal may or may not be final."""
    return timedelta(seconds=_doubled(FIRST_REFUSED_SECONDS, refusals - 1, LAST_REFUSED_SECONDS))


def follow_delay(follows: int) -> timedelta:
    """Return how long to wait before asking for an upload's state again. A webhook usually comes first."""
    return timedelta(seconds=_doubled(FIRST_FOLLOW_SECONDS, follows, LAST_FOLLOW_SECONDS))


def look_again(now: datetime, since: datetime | None, every: timedelta) -> datetime:
    """Return when to look again at an opening or closing that began at `since`, because a message may get lost.

    The pause is `every` at first. It grows to half of the time that has passed, at most PAUSES_GROW_TIMES times.
    Otherwise the looks at hundreds that wait for a call keep a worker from making that call (measured).
    """
    taken = now - (since or now)
    return now + min(max(every, taken / 2), PAUSES_GROW_TIMES * every)


def _doubled(first: float, times: int, last: float) -> float:
    """Return a delay in seconds that was doubled so many times, up to `last`.

    A row may have been tried for weeks: beyond `MOST_DOUBLINGS` the power would be no float any more.
    """
    return min(first * float(2 ** min(max(times, 0), MOST_DOUBLINGS)), last)


def next_warning(closes_at: datetime | None, warn_before: Iterable[int], warned_until: datetime) -> datetime | None:
    """Return when the first warning after `warned_until` is due; `warn_before` is in seconds before the end."""
    if closes_at is None:
        return None
    times = (closes_at - timedelta(seconds=seconds) for seconds in warn_before)
    return min((time for time in times if time > warned_until), default=None)


def due_warning(closes_at: datetime, warn_before: Iterable[int], warned_until: datetime, now: datetime) -> int | None:
    """Return the seconds of the warning to give now. Of several that are due only the last one is still true."""
    times = {seconds: closes_at - timedelta(seconds=seconds) for seconds in warn_before}
    return min((seconds for seconds, time in times.items() if warned_until < time <= now), default=None)


def last_closing(parent_ends_at: datetime | None, countdown_seconds: int) -> datetime | None:
    """Return when a breakout must close, so that its countdown ends with the parent meeting; None without an end."""
    return None if parent_ends_at is None else parent_ends_at - timedelta(seconds=countdown_seconds)


class Ends(Protocol):
    """The stored facts that say when a breakout closes."""

    state: BreakoutState
    closes_at: datetime | None
    parent_ends_at: datetime | None
    countdown_seconds: int


def closes_by(row: Ends) -> datetime | None:
    """Return when a breakout closes: by its timer, or, while that is paused too, for the end of its parent.

    Of one that closes already it is the time when that began.
    """
    if row.state not in (BreakoutState.OPENING, BreakoutState.OPEN):
        return row.closes_at
    return earliest(row.closes_at, last_closing(row.parent_ends_at, row.countdown_seconds))


def preparing_takes(calls: int, per_window: int, window_seconds: float, least_seconds: float) -> timedelta:
    """Return how long before a start its `calls` must begin, so that they take at most half of the quota meanwhile."""
    return timedelta(seconds=max(least_seconds, 2 * calls * window_seconds / per_window))


def earliest(*times: datetime | None) -> datetime | None:
    """Return the first of the times that are not None."""
    return min((time for time in times if time is not None), default=None)
