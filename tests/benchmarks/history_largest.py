"""The same work beside a history of a million closed breakouts with twenty million seats. It needs 45 GB of disk."""

from tests.benchmarks import history
from tests.benchmarks.frame import Sheet, run

BREAKOUTS = 1_000_000


def measure(sheet: Sheet) -> None:
    """Make the databases, and do all work in both."""
    history.measure(sheet, closed=BREAKOUTS)


if __name__ == "__main__":
    run("history_largest", measure)
