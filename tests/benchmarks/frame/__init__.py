"""The frame of all benchmarks.

One is a module `tests/benchmarks/NAME.py`:

    \"\"\"Its first line says what is measured; the rest, how.\"\"\"

    from tests.benchmarks.frame import Of, Sheet, run
    from tests.benchmarks.rig import rig

    def measure(sheet: Sheet) -> None:
        ratio = sheet.figure("last seat ready", "times the bare script", at_most=1.3)
        late = sheet.figure("lateness", "ms", at_most=60, of=Of.P99)
        growth = sheet.plot("time to open", x="people", y="seconds")
        with rig(latency_ms=100) as stack:
            for people in (100, 1000):
                ...
                ratio.add(ours / bare)
                late.add(*milliseconds)
                growth.line("ours").add(people, ours)
        sheet.figure("exponent", at_most=1.05).add(growth.line("ours").exponent)

    if __name__ == "__main__":
        run("NAME", measure)

Its name stands in BENCHMARKS of `tests/benchmarks/__main__.py`, and its section, with a place for its figures, in
docs/benchmarks.md. A figure is a count, or a ratio of two things measured in the same run; a plain time depends on the
machine, so it is shown without a bound where a ratio says the same. At least 5 runs stand behind a bound on a time.
"""

from tests.benchmarks.frame.figures import Of
from tests.benchmarks.frame.run import run
from tests.benchmarks.frame.sheet import Sheet

__all__ = ["Of", "Sheet", "run"]
