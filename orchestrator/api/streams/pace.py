"""How often the counts of rooms are looked at: seldom enough for the load, often enough for those who look."""

import math

SOONEST_SECONDS = 1.0
"""How long a look comes after the one before at the soonest."""
LATEST_SECONDS = 8.0
"""How long a look begins after the one before at the latest, so that counts come within 10 s, sending included."""
REST_SHARE = 4
"""How many times longer than the last look the pause after it is, within these bounds."""


class Pace:
    """Says when to look. Times are those of the monotonic clock."""

    def __init__(self) -> None:
        self._soonest = self._latest = -math.inf

    def may_look(self, now: float, *, is_behind: bool) -> bool:
        """Return whether it is time. While seats are behind, only the latest time counts."""
        return now >= (self._latest if is_behind else self._soonest)

    def looked(self, begun: float, ended: float) -> None:
        """Note a look."""
        soonest = ended + SOONEST_SECONDS
        self._latest = max(begun + LATEST_SECONDS, soonest)
        self._soonest = min(max(soonest, ended + REST_SHARE * (ended - begun)), self._latest)
