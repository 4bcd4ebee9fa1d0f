"""When a delivery is tried again, and when it is given up: pure functions."""

from collections.abc import Iterable
from datetime import datetime, timedelta

RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after each failed attempt the next one follows. After the last of them a delivery is given up."""
FAILS_FOR = timedelta(days=5)
"""An endpoint to which nothing could be delivered for so long is disabled."""
KEPT_FOR = timedelta(days=30)
"""No delivery is kept for longer."""
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)
SETTLED_AFTER = timedelta(seconds=30)
"""So long after an endpoint has begun to hear, no transaction runs any more that has not seen it.

Such a one may have written what the endpoint is to hear, and has told nobody. A transaction takes seconds at most.
"""
GONE = 410
"""The status by which an endpoint says that it wants no more."""


def retry_delay(attempts: int) -> timedelta | None:
    """Return how long to wait after so many failed attempts; None: it is given up."""
    return RETRY_DELAYS[attempts - 1] if attempts <= len(RETRY_DELAYS) else None


def is_success(status: int | None) -> bool:
    """Whether an answer says that the delivery was taken."""
    return status is not None and 200 <= status < 300


def has_heard(at: datetime, since: datetime, deaf: Iterable[Iterable[str | None]]) -> bool:
    """Whether an endpoint hears what happened at a time: registered by then, and not disabled."""
    if at <= since:
        return False
    for begin, end in deaf:
        began = datetime.fromisoformat(begin) if begin else since
        if at > began and (end is None or at <= datetime.fromisoformat(end)):
            return False
    return True
