"""The same start of a prepared breakout with the largest that is allowed: 5,000 people in 500 rooms."""

from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.prepared import measure_with
from tests.benchmarks.sizes import LARGEST

WITHIN_SECONDS, LATENCY_MS = 1.5, 100


def measure(sheet: Sheet) -> None:
    """Prepare a breakout and start it, several times."""
    measure_with(sheet, [LATENCY_MS], LARGEST, WITHIN_SECONDS)


if __name__ == "__main__":
    run("prepared_largest", measure)
