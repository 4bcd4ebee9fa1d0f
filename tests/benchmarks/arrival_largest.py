"""The same arrival with the largest breakout that is allowed: 5,000 people in 500 rooms."""

from tests.benchmarks import arrival
from tests.benchmarks.frame import Sheet, run

ROOMS, PEOPLE, WITHIN_SECONDS, RUNS = 500, 5000, 15, 1


def measure(sheet: Sheet) -> None:
    """Let everybody go and come home once."""
    arrival.measure(sheet, ROOMS, PEOPLE, WITHIN_SECONDS, RUNS)


if __name__ == "__main__":
    run("arrival_largest", measure)
