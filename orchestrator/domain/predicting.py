"""How long an opening takes: what its calls wait for each other, for the quota, and for us."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from statistics import median

OUR_SECONDS_FOR_ALL = 0.1
"""What the tasks take from the start to the first call, and from the last call to the breakout's being open."""
OUR_SECONDS_FOR_A_CALL = 0.002
"""What a worker process computes to make a call and to record its answer (measured, like the others)."""
OUR_SECONDS_BESIDE_A_CALL = 0.001
"""How much of that is not done while other calls wait for RealtimeKit."""
PACE_FROM, PACE_TO = 0.25, 4.0
"""Openings that differ more from these times tell of something else: of an outage, or of a frozen machine."""


@dataclass(frozen=True)
class Conditions:
    """What an opening's calls meet. The quota grants `cap` calls in any window: the first ones at once."""

    call_seconds: float
    in_flight: int
    cap: int
    window_seconds: float

    def work_seconds(self, create: int, add: int) -> float:
        """Return how long an opening takes that makes these calls, where the quota grants them all.

        A room's people are added when its meeting is there. Where calls are quick, a worker's own work takes longer.
        """
        calls = create + add
        waves = ceil(create / self.in_flight) + ceil(add / self.in_flight)
        waiting = waves * self.call_seconds + calls * OUR_SECONDS_BESIDE_A_CALL
        return OUR_SECONDS_FOR_ALL + max(calls * OUR_SECONDS_FOR_A_CALL, waiting)

    def windows(self, create: int, add: int) -> int:
        """Return how many windows must be over until the quota has granted these calls."""
        return max(0, create + add - 1) // self.cap


@dataclass(frozen=True)
class Opening:
    """One that was made: by how many calls, and how long it took."""

    create: int
    add: int
    took: timedelta


def opening_seconds(create: int, add: int, conditions: Conditions, pace: float) -> float:
    """Return how long an opening takes that makes these calls, at this pace."""
    waits = conditions.windows(create, add) * conditions.window_seconds
    return pace * conditions.work_seconds(create, add) + waits


def pace(openings: Iterable[Opening], conditions: Conditions) -> float:
    """Return how many times as long as computed openings take here: the median of what these took.

    The seconds above are those of one machine. Others take half or twice as long (measured). One that waited for the
    quota tells nothing.
    """
    told = [
        opening.took.total_seconds() / conditions.work_seconds(opening.create, opening.add)
        for opening in openings
        if not conditions.windows(opening.create, opening.add)
    ]
    return min(max(PACE_FROM, median(told)), PACE_TO) if told else 1.0
