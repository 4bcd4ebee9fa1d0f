"""The same arrival with the largest breakout that is allowed: 5,000 people in 500 rooms."""

from tests.benchmarks.arrival import measure_with
from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.sizes import LARGEST

WITHIN_SECONDS, RUNS = 15, 1


def measure(sheet: Sheet) -> None:
    """Let everybody go and come home once."""
    measure_with(sheet, LARGEST, RUNS, WITHIN_SECONDS)


if __name__ == "__main__":
    run("arrival_largest", measure)
