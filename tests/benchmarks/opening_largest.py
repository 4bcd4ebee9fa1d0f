"""The same opening with the largest breakout that is allowed: 5,000 people in 500 rooms."""

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.opening import LATENCIES, measure_ours, opener
from tests.benchmarks.sizes import LARGEST

RUNS, AT_MOST = 5, 1.5


def measure(sheet: Sheet) -> None:
    """Open it beside the floor, several times."""
    with opener() as stack:
        for name, latency in LATENCIES.items():
            stack.sandbox.latency(**latency)
            measure_ours(sheet, stack, name, LARGEST, runs=RUNS, at_most=AT_MOST)


if __name__ == "__main__":
    run("opening_largest", measure)
