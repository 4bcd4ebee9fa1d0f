"""Run all benchmarks, or those that are named, one after another, and show all figures against their bounds.

The exit code is 1 if a bound is missed or a benchmark has failed.
"""

import argparse
import subprocess
import sys

from tests.benchmarks.frame import page
from tests.benchmarks.frame.sheet import kept
from tests.benchmarks.frame.table import show

BENCHMARKS = (
    "calls",
    "quota",
    "streams",
    "door",
    "deciding",
    "opening",
    "arrival",
    "prepared",
    "processes",
    "report",
    "moving",
    "growth",
    "history",
    "deliveries",
)
"""In the order in which they run."""
ON_REQUEST = (
    "silence",
    "predicting",
    "opening_largest",
    "arrival_largest",
    "prepared_largest",
    "history_largest",
    "sustained",
    "memory",
    "timers",
)
"""Run only by name, because they take longer than all others together."""


def main() -> int:
    """Run what was asked for. Returns the exit code."""
    asked = _arguments()
    names = asked.names or BENCHMARKS
    if not asked.kept:
        for name in names:
            print(f"── {name}", flush=True)
            subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=False)
    found = {name: kept(name) for name in names}
    sheets = [sheet for sheet in found.values() if sheet]
    show(sheets)
    failed = [name for name, sheet in found.items() if sheet is None]
    missed = [f"{sheet.benchmark}: {figure.name}" for sheet in sheets for figure in sheet.missed]
    print(f"{sum(sheet.seconds for sheet in sheets):.0f} s; failed: {failed or 'none'}; missed: {missed or 'none'}")
    if asked.docs:
        page.write(sheets)
    return 1 if failed or missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS + ON_REQUEST))
    parser.add_argument("--kept", action="store_true", help="measure nothing, show the figures of the last runs")
    parser.add_argument("--docs", action="store_true", help="write the figures and plots into docs/benchmarks.md")
    asked = parser.parse_args()
    if unknown := set(asked.names) - {*BENCHMARKS, *ON_REQUEST}:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
