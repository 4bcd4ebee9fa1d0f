"""Figures as a table: on the terminal, and in Markdown."""

import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from tests.benchmarks.frame.figures import Figure, Of
from tests.benchmarks.frame.sheet import Sheet

HEAD = ("figure", "median", "min", "p99", "max", "runs", "bound", "")
VERDICTS = {True: "held", False: "MISSED", None: ""}
WIDTH = 140
"""Of a table that is not shown on a terminal."""
STYLES = {True: "green", False: "bold red", None: ""}


def show(sheets: Iterable[Sheet], console: Console | None = None) -> None:
    """Print one table of all figures."""
    table = Table(*HEAD)
    for column in table.columns[1:6]:
        column.justify = "right"
    for sheet in sheets:
        table.add_section()
        table.add_row(f"[bold]{sheet.benchmark}[/bold] ({sheet.seconds:.0f} s)")
        for figure in sheet.figures:
            table.add_row(*cells(figure), style=STYLES[figure.holds])
    (console or Console(width=None if sys.stdout.isatty() else WIDTH)).print(table)


def markdown(sheet: Sheet) -> Iterator[str]:
    """Yield the lines of a table of the sheet's figures."""
    yield _row(HEAD)
    yield _row(["---", *["---:"] * 5, "---", "---"])
    for figure in sheet.figures:
        yield _row(cells(figure))


def cells(figure: Figure) -> tuple[str, ...]:
    """Return the cells of the figure's row, in the order of HEAD."""
    name = f"{figure.name}, {figure.unit}" if figure.unit else figure.name
    values = [number(figure.value(of)) if figure.values else "" for of in (Of.MEDIAN, Of.MIN, Of.P99, Of.MAX)]
    return (name, *values, str(len(figure.values)), bound(figure), VERDICTS[figure.holds])


def bound(figure: Figure) -> str:
    """Return the figure's bounds, such as `p99 ≤ 60`."""
    bounds = [("≥", figure.at_least), ("≤", figure.at_most)]
    return ", ".join(f"{figure.of.value} {sign} {number(limit)}" for sign, limit in bounds if limit is not None)


def number(value: float) -> str:
    """Return the number with three digits that count, and all digits before the point."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.{2 if abs(value) < 10 else 1}f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
