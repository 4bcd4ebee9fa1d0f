"""How long an opening takes: what its calls wait for each other, for the quota, and for us."""

from math import ceil

OUR_SECONDS_FOR_ALL = 0.1
"""What the tasks take from the start to the first call, and from the last call to the breakout's being open."""
OUR_SECONDS_FOR_A_CALL = 0.002
"""What a worker process computes to make a call and to record its answer (measured, like the others)."""
OUR_SECONDS_BESIDE_A_CALL = 0.001
"""How much of that is not done while other calls wait for RealtimeKit."""


def opening_seconds(
    create: int, add: int, *, call_seconds: float, in_flight: int, cap: int, window_seconds: float
) -> float:
    """Return how long an opening takes that makes these calls.

    A call takes `call_seconds`, and `in_flight` are made at once. A room's people are added when its meeting is there.
    The quota grants `cap` calls in any window: the first ones at once, and as many more whenever a window is over.
    Where calls are quick, a worker's own work takes longer than they do.
    """
    calls = create + add
    waves = ceil(create / in_flight) + ceil(add / in_flight)
    full_windows = max(0, calls - 1) // cap
    waiting = waves * call_seconds + calls * OUR_SECONDS_BESIDE_A_CALL
    return OUR_SECONDS_FOR_ALL + max(calls * OUR_SECONDS_FOR_A_CALL, waiting) + full_windows * window_seconds
