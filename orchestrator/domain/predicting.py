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
PACE_FROM, PACE_TO = 0.25, 8.0
"""What is slower or quicker than that tells of something else, such as an outage or a frozen machine."""


@dataclass(frozen=True)
class Conditions:
    """What an opening's calls meet. The quota grants `cap` calls in any window: the first ones at once."""

    call_seconds: float
    in_flight: int
    cap: int
    window_seconds: float

    def call_waits(self, create: int, add: int) -> float:
        """Return how long these calls take one wave after the other. A room's people wait for its meeting."""
        return self.call_seconds * (ceil(create / self.in_flight) + ceil(add / self.in_flight))

    def own_seconds(self, create: int, add: int) -> float:
        """Return how long our own work takes beside that. Where calls are quick, most of it is not done meanwhile."""
        calls = create + add
        beyond = calls * OUR_SECONDS_FOR_A_CALL - self.call_waits(create, add)
        return OUR_SECONDS_FOR_ALL + max(beyond, calls * OUR_SECONDS_BESIDE_A_CALL)

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
    """Return how long an opening takes that makes these calls, where our own work goes at this pace."""
    quota = conditions.windows(create, add) * conditions.window_seconds
    return quota + conditions.call_waits(create, add) + pace * conditions.own_seconds(create, add)


def pace(openings: Iterable[Opening], conditions: Conditions) -> float:
    """Return how many times as long as computed our own work takes here: the median of what these openings show.

    The seconds above are those of one machine. Another one takes half or twice as long (measured). An opening that
    waited for the quota shows nothing.
    """
    shown = [
        (opening.took.total_seconds() - conditions.call_waits(opening.create, opening.add))
        / conditions.own_seconds(opening.create, opening.add)
        for opening in openings
        if not conditions.windows(opening.create, opening.add)
    ]
    return min(max(PACE_FROM, median(shown)), PACE_TO) if shown else 1.0
