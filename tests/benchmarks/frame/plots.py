"""Plots as SVG files that are the same, byte by byte, for the same figures."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import ScalarFormatter

from tests.benchmarks.frame.figures import Plot

mpl.rcParams.update({"svg.hashsalt": "breakouts", "svg.fonttype": "none", "font.size": 10})
SIZE_INCHES = (6.4, 4.0)


def draw(plot: Plot, file: Path) -> None:
    """Write the plot to an SVG file."""
    drawing = Drawing(figsize=SIZE_INCHES, layout="constrained")
    axes = drawing.subplots()
    for line in plot.lines:
        axes.plot(*zip(*sorted(line.points), strict=True), marker="o", label=line.label)
    if plot.logarithmic:
        axes.set(xscale="log", yscale="log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.set(title=plot.name, xlabel=plot.x, ylabel=plot.y)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    file.parent.mkdir(exist_ok=True)
    drawing.savefig(file, format="svg", metadata={"Date": None})
