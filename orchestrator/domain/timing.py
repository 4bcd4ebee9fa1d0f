"""Deadlines and backoff: durations computed from facts, never from a clock of our own."""

import random
from datetime import datetime, timedelta

FIRST_DISPATCH_SECONDS = 5.0
LAST_DISPATCH_SECONDS = 30.0
FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 30.0
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


def backoff(tries: int, jitter: random.Random) -> timedelta:
    """How long to hold a row back after its `tries`-th failed pass: the upper half of a doubling delay, at random."""
    ceiling = min(FIRST_RETRY_SECONDS * 2 ** max(tries - 1, 0), LAST_RETRY_SECONDS)
    return timedelta(seconds=jitter.uniform(ceiling / 2, ceiling))


def follow_delay(follows: int) -> timedelta:
    """How long to wait before asking for an upload's state again; webhooks usually tell first."""
    return timedelta(seconds=min(FIRST_FOLLOW_SECONDS * 2**follows, LAST_FOLLOW_SECONDS))


def earliest(*times: datetime | None) -> datetime | None:
    """The first of the times that are set."""
    return min((time for time in times if time is not None), default=None)
