"""Showing a breakout as it changes: as a live picture in a terminal, else as a line per change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from orchestrator.cli.show.picture import Picture
from orchestrator.cli.show.words import summary
from schemas.responses import BreakoutResponse

REFRESHES_PER_SECOND = 4

Show = Callable[[BreakoutResponse], None]


def _local_time() -> datetime:
    return datetime.now(UTC)


@contextmanager
def screen(
    console: Console, in_main: Callable[[], int | None] = lambda: None, now: Callable[[], datetime] = _local_time
) -> Iterator[Show]:
    """Give a function that shows a breakout; between calls the picture counts down by `now`."""
    if not console.is_terminal:
        yield _lines(console, in_main)
        return
    latest: list[BreakoutResponse] = []

    def picture() -> RenderableType:
        return Picture(latest[0], now(), in_main()) if latest else Text()

    def show(breakout: BreakoutResponse) -> None:
        latest[:] = [breakout]

    with Live(console=console, get_renderable=picture, refresh_per_second=REFRESHES_PER_SECOND, transient=True):
        yield show


def _lines(console: Console, in_main: Callable[[], int | None]) -> Show:
    printed: list[str] = []

    def show(breakout: BreakoutResponse) -> None:
        words = summary(breakout, in_main())
        if words not in printed[-1:]:
            printed.append(words)
            console.print(words, soft_wrap=True, markup=False)

    return show
