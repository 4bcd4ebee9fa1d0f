"""When a RealtimeKit token is renewed, and until when it is shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

STEPS = 20
"""Tokens of one minute are renewed at one of so many times, because a thousand calls at once would use up the quota."""
SHORTEST_PAUSE = timedelta(seconds=1)
STALE_PAUSE = timedelta(seconds=60)
"""The pause before another token is made in place of one that had ended when it came: the clocks differ."""


@dataclass(frozen=True)
class TokenTimes:
    """The times of a token; null for one that names no end."""

    renew_at: datetime | None = None
    good_until: datetime | None = None
    """A margin before its end. From then on no seat shows it."""


class Stored(Protocol):
    """A token as it is stored."""

    auth_token: str | None
    token_good_until: datetime | None


def has_good_token(stored: Stored, now: datetime) -> bool:
    """Return whether there is a token that a seat may show."""
    until = stored.token_good_until
    return stored.auth_token is not None and (until is None or until > now)


def token_times(
    expires_at: datetime | None, issued_at: datetime | None, now: datetime, margin: timedelta, step: int
) -> TokenTimes:
    """Return when to renew a token that came `now`: one to two margins before it is not good any more.

    The margin is a quarter of the token's life where that is less. `step` (0 to 19) spreads the renewals.
    """
    if expires_at is None:
        return TokenTimes()
    life = max(expires_at - (issued_at or now), timedelta())
    margin = min(margin, life / 4)
    good_until = expires_at - margin
    if good_until <= now:
        return TokenTimes(now + STALE_PAUSE, good_until)
    renew_at = good_until - margin * (1 + step / STEPS)
    return TokenTimes(max(renew_at, now + SHORTEST_PAUSE), good_until)


def again_at(now: datetime, good_until: datetime | None) -> datetime:
    """Return when to try a failed renewal again: after a minute, or sooner when the token ends soon or has just ended.

    Before the end half of the time that is left passes, and after it as long as the token has been over. So the pauses
    grow again, because people wait for it, and calls that go on failing would use up the quota.
    """
    left = STALE_PAUSE * 2 if good_until is None else good_until - now
    return now + max(SHORTEST_PAUSE, min(STALE_PAUSE, max(left / 2, -left)))
