"""The figures in docs/benchmarks.md: each benchmark has a place there, which its last run fills."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.frame.plots import draw
from tests.benchmarks.frame.sheet import Sheet
from tests.benchmarks.frame.table import markdown
from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
PLACE = re.compile(r"(?P<begin><!-- figures of (?P<name>\w+) -->\n)(?P<text>.*?)(?P<end><!-- end -->)", re.DOTALL)


def write(sheets: list[Sheet], page: Path = PAGE) -> None:
    """Fill the places of these benchmarks, and draw their plots into a folder beside the page."""
    found = {sheet.benchmark: sheet for sheet in sheets}

    def filled(place: re.Match[str]) -> str:
        sheet = found.get(place["name"])
        return place[0] if sheet is None else place["begin"] + "\n".join(_lines(sheet, page)) + "\n" + place["end"]

    page.write_text(PLACE.sub(filled, page.read_text()))


def _lines(sheet: Sheet, page: Path) -> Iterator[str]:
    yield ""
    yield from markdown(sheet)
    yield ""
    for plot in sheet.plots:
        file = page.with_suffix("") / f"{sheet.benchmark}-{_slug(plot.name)}.svg"
        draw(plot, file)
        yield f"![{plot.name}]({file.relative_to(page.parent).as_posix()})"
        yield ""
    yield f"Measured {sheet.begun:%Y-%m-%d} on {sheet.machine}; it took {sheet.seconds:.0f} s."
    yield ""


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")
