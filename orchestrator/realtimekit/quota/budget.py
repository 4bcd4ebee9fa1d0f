"""How many calls fit into a sliding window, and how full each priority may make it."""

import hashlib
from dataclasses import dataclass

from orchestrator.realtimekit.quota.priority import Priority

USABLE_SHARE = 0.97
"""The rest is for calls that Cloudflare counts and we do not: made by hand, or counted after our deadline."""

FILL_SHARES = {
    Priority.CLOSING: 1.0,
    Priority.MOVING: 0.85,
    Priority.OPENING: 0.80,
    Priority.POLLING: 0.70,
    Priority.PREPARING: 0.60,
}
"""The share of the window that may be in use when a call of each priority is granted.

The last 15 % are for closing: 174 of Cloudflare's 1,200 calls, enough to empty 58 recorded rooms at once while as many
rooms as possible are being opened. The 5 % above opening are for moving: without them, a person who moves during a mass
opening would wait for minutes, until the first calls leave the window.
"""

RECORDING_OPERATIONS = frozenset(
    {"start_recording", "stop_recording", "recording", "active_recording", "running_recordings"}
)
"""Calls that count in the window of recordings as well as in that of all calls."""


def usable_of(limit: int) -> int:
    """Return how many of RealtimeKit's `limit` calls per window are given out."""
    return max(1, int(limit * USABLE_SHARE))


@dataclass(frozen=True)
class Budget:
    """At most `calls` in any `window_seconds`."""

    calls: int
    window_seconds: float

    def caps(self, share: float = 1.0) -> list[int]:
        """Return, for each priority, how many calls may be in the window before one more is refused."""
        return [max(1, int(self.calls * share * FILL_SHARES[priority])) for priority in Priority]


@dataclass(frozen=True)
class QuotaRequest:
    """A call that wants to go out.

    `queue_name` is the same whenever the same call is asked for, in any process. So a refused call that comes back is
    recognised, and keeps its place in the queue.
    """

    priority: Priority
    queue_name: str
    about_recording: bool = False

    @property
    def windows(self) -> int:
        """In how many windows the call counts: 1, or 2 when it is about a recording."""
        return 2 if self.about_recording else 1

    @classmethod
    def of(cls, operation: str, priority: Priority, *subject: object) -> "QuotaRequest":
        """Build the request for `operation` on `subject`; the queue name is a hash, because both may name people."""
        queue_name = hashlib.sha256("\0".join([operation, *map(str, subject)]).encode()).hexdigest()[:16]
        return cls(priority, queue_name, operation in RECORDING_OPERATIONS)
