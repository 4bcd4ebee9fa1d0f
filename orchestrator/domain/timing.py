"""Deadlines and backoff: durations computed from facts, never from a clock of our own."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

FIRST_DISPATCH_SECONDS = 5.0
LAST_DISPATCH_SECONDS = 30.0
FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 30.0
FIRST_REFUSED_SECONDS = 5.0
LAST_REFUSED_SECONDS = 300.0
FIRST_FOLLOW_SECONDS = 10.0
LAST_FOLLOW_SECONDS = 120.0
FOLLOW_HOURS = 24
"""An upload that has not ended by then has failed: a recording itself lasts at most a day (RealtimeKit docs)."""


def dispatch_delays() -> list[float]:
    """Seconds until a message that nobody started is sent again: doubling, and at last every half minute."""
    delays = [FIRST_DISPATCH_SECONDS]
    while delays[-1] < LAST_DISPATCH_SECONDS:
        delays.append(min(delays[-1] * 2, LAST_DISPATCH_SECONDS))
    return delays


def waited(dispatches: int) -> timedelta:
    """How long before its present `due_at` the first of so many messages for a row was sent, if no wish hurried any."""
    delays = dispatch_delays()
    return timedelta(seconds=sum(delays[:dispatches]) + max(0, dispatches - len(delays)) * delays[-1])


def backoff(tries: int, jitter: random.Random) -> timedelta:
    """How long to hold a row back after its `tries`-th failed pass: the upper half of a doubling delay, at random."""
    ceiling = min(FIRST_RETRY_SECONDS * 2 ** max(tries - 1, 0), LAST_RETRY_SECONDS)
    return timedelta(seconds=jitter.uniform(ceiling / 2, ceiling))


def refused_pause(refusals: int) -> timedelta:
    """How long to leave alone what RealtimeKit has refused so often: it may be a moment's trouble, or for good."""
    return timedelta(seconds=min(FIRST_REFUSED_SECONDS * 2 ** (refusals - 1), LAST_REFUSED_SECONDS))


def follow_delay(follows: int) -> timedelta:
    """How long to wait before asking for an upload's state again; webhooks usually tell first."""
    return timedelta(seconds=min(FIRST_FOLLOW_SECONDS * 2**follows, LAST_FOLLOW_SECONDS))


def next_warning(closes_at: datetime | None, warn_before: Iterable[int], warned_until: datetime) -> datetime | None:
    """When the first warning after `warned_until` comes, of those that many seconds before the end."""
    if closes_at is None:
        return None
    times = (closes_at - timedelta(seconds=seconds) for seconds in warn_before)
    return min((time for time in times if time > warned_until), default=None)


def due_warning(closes_at: datetime, warn_before: Iterable[int], warned_until: datetime, now: datetime) -> int | None:
    """The seconds of the warning to give now; of several that have become due only the last one is still true."""
    times = {seconds: closes_at - timedelta(seconds=seconds) for seconds in warn_before}
    return min((seconds for seconds, time in times.items() if warned_until < time <= now), default=None)


def preparing_takes(calls: int, per_window: int, window_seconds: float, least_seconds: float) -> timedelta:
    """How long before a start to begin with so many calls, so that the quota has room for other things beside them."""
    return timedelta(seconds=max(least_seconds, 2 * calls * window_seconds / per_window))


def earliest(*times: datetime | None) -> datetime | None:
    """The first of the times that are set."""
    return min((time for time in times if time is not None), default=None)
