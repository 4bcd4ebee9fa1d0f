"""What a benchmark finds: figures, each with its bound, and plots that show how something grows."""

import math
import statistics
from enum import StrEnum

from pydantic import BaseModel


class Of(StrEnum):
    """The one value of all runs that stands for them."""

    MIN = "min"
    MEDIAN = "median"
    P99 = "p99"
    MAX = "max"


class Figure(BaseModel):
    """One figure of a benchmark: what each run found, and between which bounds it must be."""

    name: str
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    of: Of = Of.MEDIAN
    """The value that is compared with the bounds."""
    values: list[float] = []

    def add(self, *values: float) -> None:
        """Add what one run found, or several."""
        self.values.extend(values)

    def value(self, of: Of) -> float:
        """Return one value of all runs. Raises ValueError if there was none."""
        if not self.values:
            raise ValueError(f"no run found {self.name!r}")
        if of is Of.MEDIAN:
            return statistics.median(self.values)
        found = sorted(self.values)
        return {Of.MIN: found[0], Of.P99: found[math.ceil(len(found) * 0.99) - 1], Of.MAX: found[-1]}[of]

    @property
    def holds(self) -> bool | None:
        """Whether the figure is within its bounds; None for one without a bound."""
        if self.at_least is None and self.at_most is None:
            return None
        if not self.values:
            return False
        found = self.value(self.of)
        return (self.at_least is None or found >= self.at_least) and (self.at_most is None or found <= self.at_most)


class Line(BaseModel):
    """One line of a plot, point by point."""

    label: str
    points: list[tuple[float, float]] = []

    def add(self, x: float, y: float) -> None:
        """Add a point."""
        self.points.append((x, y))

    @property
    def exponent(self) -> float:
        """The k of y ~ x^k that fits the points best; both axes must be above zero."""
        across = [math.log(x) for x, _ in self.points]
        return statistics.linear_regression(across, [math.log(y) for _, y in self.points]).slope


class Plot(BaseModel):
    """How something grows, in one line for each of those that are compared."""

    name: str
    x: str
    y: str
    """The names of the axes, with their units."""
    logarithmic: bool = True
    lines: list[Line] = []

    def line(self, label: str) -> Line:
        """Return the line with this label, and begin it if there is none."""
        for line in self.lines:
            if line.label == label:
                return line
        self.lines.append(Line(label=label))
        return self.lines[-1]
