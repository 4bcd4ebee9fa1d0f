"""A breakout as a picture: time left, progress, rooms with their people, and problems."""

from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.cli.show.words import PERSON_STYLES, problems, recording_text, seconds_left, time_left
from schemas.responses import BreakoutResponse, RoomResponse
from schemas.states import BreakoutState, RoomState

ROOM_STYLES = {RoomState.OPEN: "green", RoomState.CLOSED: "cyan", RoomState.FAILED: "red"}
PREPARED = frozenset({RoomState.READY, RoomState.OPEN, RoomState.CLOSING, RoomState.CLOSED})
BAR_WIDTH = 40
MAX_PROBLEMS_SHOWN = 5
OTHER_LINES = 9
"""Lines around the rooms: headline, bars, headings, totals, blank lines."""


class Picture:
    """A breakout at `now`, with as many rooms as fit; `in_main` is how many people are in main, if known."""

    def __init__(self, breakout: BreakoutResponse, now: datetime, in_main: int | None = None) -> None:
        self._breakout, self._now, self._in_main = breakout, now, in_main

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it (called by rich)."""
        bad = [Text(f"✗ {line}", "red") for line in problems(self._breakout)[-MAX_PROBLEMS_SHOWN:]]
        lines = (options.height or console.height) - OTHER_LINES - len(bad)
        yield Group(
            _headline(self._breakout, self._now),
            _bars(self._breakout, self._now),
            Text(),
            _rooms(self._breakout, max(1, lines)),
            Text(),
            _totals(self._breakout, self._in_main),
            *bad,
        )


def _headline(breakout: BreakoutResponse, now: datetime) -> Text:
    return Text.assemble(
        (breakout.name, "bold"), "  ", (str(breakout.state), "bold magenta"), "  ", (time_left(breakout, now), "dim")
    )


def _bars(breakout: BreakoutResponse, now: datetime) -> Table:
    people = breakout.progress.participants
    prepared = sum(room.state in PREPARED for room in breakout.rooms)
    bars = Table.grid(padding=(0, 2, 0, 0))
    bars.add_row(*_bar("rooms ready", prepared, len(breakout.rooms)))
    bars.add_row(*_bar("in their rooms", people.joined, people.total))
    bars.add_row(*_bar("returned", people.returned, people.total))
    total = {BreakoutState.OPEN: breakout.duration_seconds, BreakoutState.CLOSING: breakout.countdown_seconds}
    left, whole = seconds_left(breakout, now), total.get(breakout.state)
    if left is not None and whole:
        bars.add_row("time", ProgressBar(total=max(whole, left), completed=left, width=BAR_WIDTH), "")
    return bars


def _bar(name: str, done: int, total: int) -> tuple[str, ProgressBar, str]:
    return name, ProgressBar(total=total or 1, completed=done, width=BAR_WIDTH), f"{done}/{total}"


def _rooms(breakout: BreakoutResponse, lines: int) -> Group:
    """List the rooms in their order, or with failed ones first if not all fit."""
    rooms, more = breakout.rooms, len(breakout.rooms) - lines
    if more > 0:
        rooms = sorted(rooms, key=lambda room: room.state is not RoomState.FAILED)[:lines]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("room", "state", "recording", "people"):
        table.add_column(heading, header_style="dim", no_wrap=heading != "people")
    for room in rooms:
        state = Text(room.state, ROOM_STYLES.get(room.state, ""))
        table.add_row(room.name, state, recording_text(room.recording), _people(room))
    return Group(table, *([Text(f"… and {more} more rooms", "dim")] if more > 0 else []))


def _people(room: RoomResponse) -> Text:
    names = [(person.name, PERSON_STYLES.get(person.state, "")) for person in room.participants]
    return Text(" ").join(Text(name, style) for name, style in names)


def _totals(breakout: BreakoutResponse, in_main: int | None) -> Text:
    people, recordings = breakout.progress.participants, breakout.progress.recordings
    counts = [
        *([] if in_main is None else [f"{in_main} in main"]),
        *([f"{people.lost} lost"] if people.lost else []),
        *([f"{people.never_joined} never joined"] if people.never_joined else []),
        f"{recordings.recording} recording",
        f"{recordings.uploaded} uploaded",
    ]
    return Text(" · ".join(counts), "dim")
