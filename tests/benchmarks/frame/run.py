"""Run a benchmark: measure, show the figures, keep them, and say by the exit code whether all bounds hold."""

import sys
import time
from collections.abc import Callable
from typing import NoReturn

from tests.benchmarks.frame.sheet import Sheet, forget
from tests.benchmarks.frame.table import show


def run(benchmark: str, measure: Callable[[Sheet], None]) -> NoReturn:
    """Let a benchmark fill its sheet. Exits with 1 if a bound is missed; an error of `measure` passes."""
    forget(benchmark)
    sheet, begun = Sheet(benchmark=benchmark), time.monotonic()
    measure(sheet)
    sheet.seconds = time.monotonic() - begun
    sheet.keep()
    show([sheet])
    sys.exit(1 if sheet.missed else 0)
