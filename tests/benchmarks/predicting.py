"""How well a dry run foretells the time of an opening: with slow and quick calls, and under a tight quota."""

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.rig import moments, rig
from tests.benchmarks.sizes import Size
from tests.support.stack import Stack

SIZES = (Size(4, 20), Size(30, 100), Size(100, 1000))
LATENCIES_MS, RUNS = (20, 100, 250), 3
BEFORE = 3
"""How many openings there were before. The first in a process takes longer, and foretells nothing alone."""
OFF_MOST = 0.25
LIMITED = Size(30, 150)


def measure(sheet: Sheet) -> None:
    """Open each size at each latency, and one under a quota."""
    for latency_ms in LATENCIES_MS:
        with rig(latency_ms) as stack:
            for _ in range(BEFORE):
                _share(stack, SIZES[0])
            for size in SIZES:
                for _ in range(RUNS):
                    _note(sheet, f"calls take {latency_ms} ms, {size.people} people", _share(stack, size))
    with rig(
        LATENCIES_MS[1],
        REALTIMEKIT_REQUESTS_PER_5_MINUTES="60",
        REALTIMEKIT_QUOTA_WINDOW_SECONDS="10",
        SYNC_SECONDS="300",
    ) as stack:
        _note(sheet, f"60 calls in 10 s, {LIMITED.people} people", _share(stack, LIMITED))


def _note(sheet: Sheet, what: str, share: float) -> None:
    sheet.figure(what, "times what it took", at_least=1 - OFF_MOST, at_most=1 + OFF_MOST).add(share)


def _share(stack: Stack, size: Size) -> float:
    """Return the seconds foretold in multiples of those that the opening then takes."""
    meeting = size.meeting(stack)
    plan = {"name": "Foretold", "rooms": size.rooms, "start": "manual"}
    foretold = stack.post(f"/v1/meetings/{meeting}/breakouts?dry_run=true", plan)["predicted_seconds"]
    made = stack.breakout(meeting, rooms=size.rooms, start="manual")["id"]
    stack.post(f"/v1/breakouts/{made}/start")
    stack.wait(made, "open", 300)
    [begun], [opened] = (moments(stack, made, "breakout.state", state) for state in ("opening", "open"))
    return float(foretold) / (opened - begun).total_seconds()


if __name__ == "__main__":
    run("predicting", measure)
