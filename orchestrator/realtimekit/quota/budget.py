"""How many calls may be made in a sliding window, and how much of it is whose."""

import hashlib
from dataclasses import dataclass

from orchestrator.realtimekit.quota.priority import Priority

USABLE = 0.97
"""The rest is for what Cloudflare counts and we do not: a call made by hand, or counted after its deadline."""

SHARES = {
    Priority.CLOSING: 1.0,
    Priority.MOVING: 0.85,
    Priority.OPENING: 0.80,
    Priority.POLLING: 0.70,
    Priority.PREPARING: 0.60,
}
"""How full the window may become through calls of each priority.

The last 15 % are reserved for closing: 174 of Cloudflare's calls, enough to empty 58 recorded rooms at once while as
much as possible is being opened. Without its 5 % one person who moves during a mass opening would wait for minutes,
until the window's first calls have left it.
"""

RECORDING_OPERATIONS = frozenset(
    {"start_recording", "stop_recording", "recording", "active_recording", "running_recordings"}
)
"""They count in a window of their own besides."""


def usable_of(limit: int) -> int:
    """How many of RealtimeKit's calls per window are given out."""
    return max(1, int(limit * USABLE))


@dataclass(frozen=True)
class Budget:
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: float

    def caps(self, share: float = 1.0) -> list[int]:
        """How many calls may be in the window before one more of each priority is refused."""
        return [max(1, int(self.calls * share * SHARES[priority])) for priority in Priority]


@dataclass(frozen=True)
class Ask:
    """One call that wants to go out.

    `name` is the same whenever the same thing is asked for, so that a call that comes back, be it in another process,
    is known and has kept its place.
    """

    priority: Priority
    name: str
    records: bool = False

    @property
    def budgets(self) -> int:
        """How many of the two budgets it needs: all calls, and those of recordings."""
        return 2 if self.records else 1

    @classmethod
    def of(cls, operation: str, priority: Priority, *what: object) -> "Ask":
        """The asking for `operation` upon `what`; Redis is told neither, for they may name people."""
        name = hashlib.sha256("\0".join([operation, *map(str, what)]).encode()).hexdigest()[:16]
        return cls(priority, name, operation in RECORDING_OPERATIONS)
