"""The lateness of the close decision: 200 breakouts that close within 20 seconds. None may be early.

It runs two workers, as compose.yaml does.
"""

import statistics
import time
from datetime import datetime

from tests.benchmarks.rig import moments, rig
from tests.support.stack import Stack

BREAKOUTS, WITHIN_SECONDS, OPENING_SECONDS = 200, 20, 120


def main() -> None:
    """Print the distribution of (close decided minus closes_at), in milliseconds."""
    with rig(apart=True) as stack:
        made = _open_all(stack)
        late = sorted(_lateness(stack, breakout_id) for breakout_id in made)
        p50, p99 = statistics.median(late), late[int(len(late) * 0.99) - 1]
        print(
            f"{len(late)} timers: p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {late[-1]:.0f} ms, earliest {late[0]:.0f} ms"
        )
        assert late[0] >= 0, "a breakout closed early"


def _open_all(stack: Stack) -> list[str]:
    """Open all breakouts, with durations by which they close one after another once the last is open."""
    begun, made = time.monotonic(), []
    for number in range(BREAKOUTS):
        meeting = stack.meeting(1)
        left = OPENING_SECONDS + number * WITHIN_SECONDS / BREAKOUTS - (time.monotonic() - begun)
        made.append(str(stack.breakout(meeting, rooms=1, duration_seconds=round(left))["id"]))
    assert time.monotonic() - begun < OPENING_SECONDS, "opening took too long for this plan"
    return made


def _lateness(stack: Stack, breakout_id: str) -> float:
    closed = stack.wait(breakout_id, "closed", deadline=240)
    closing = moments(stack, breakout_id, "breakout.state", "closing")[0]
    return (closing - datetime.fromisoformat(closed["closes_at"])).total_seconds() * 1000


if __name__ == "__main__":
    main()
