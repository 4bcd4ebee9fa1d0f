"""The sheet of one benchmark: its figures and plots, and the file that keeps them."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field

from tests.benchmarks.frame.figures import Figure, Of, Plot
from tests.benchmarks.frame.machine import machine
from tests.support.processes import ROOT

KEPT = ROOT / ".bench"
"""One JSON file for each benchmark, from its last run."""


class Sheet(BaseModel):
    """What one run of a benchmark found."""

    benchmark: str
    machine: str = Field(default_factory=machine)
    begun: datetime = Field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0
    """How long the benchmark took."""
    figures: list[Figure] = []
    plots: list[Plot] = []

    def figure(
        self,
        name: str,
        unit: str = "",
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        of: Of = Of.MEDIAN,
    ) -> Figure:
        """Return the figure of this name, and begin it if there is none. The bounds are for its value `of` all runs."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        self.figures.append(Figure(name=name, unit=unit, at_least=at_least, at_most=at_most, of=of))
        return self.figures[-1]

    def plot(self, name: str, x: str, y: str, *, logarithmic: bool = True) -> Plot:
        """Return the plot of this name, and begin it if there is none."""
        for plot in self.plots:
            if plot.name == name:
                return plot
        self.plots.append(Plot(name=name, x=x, y=y, logarithmic=logarithmic))
        return self.plots[-1]

    @property
    def missed(self) -> list[Figure]:
        """The figures that are not within their bounds."""
        return [figure for figure in self.figures if figure.holds is False]

    def keep(self) -> None:
        """Write it to the file from which `kept` reads it."""
        file = _file(self.benchmark)
        file.parent.mkdir(exist_ok=True)
        file.write_text(self.model_dump_json(indent=1))


def kept(benchmark: str) -> Sheet | None:
    """Return the sheet of the benchmark's last run; None if that has failed, or there was none."""
    file = _file(benchmark)
    return Sheet.model_validate_json(file.read_text()) if file.exists() else None


def forget(benchmark: str) -> None:
    """Delete the sheet of the last run, so that nobody takes it for that of one that failed."""
    _file(benchmark).unlink(missing_ok=True)


def _file(benchmark: str) -> Path:
    return KEPT / f"{benchmark}.json"
