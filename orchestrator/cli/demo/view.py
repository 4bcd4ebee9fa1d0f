"""A breakout in the terminal: its rooms, people and recordings, and the time that is left."""

from datetime import datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from schemas.responses import BreakoutResponse, RecordingResponse, RoomResponse
from schemas.states import BreakoutState, RecordingState, RoomState, SeatState

PERSON_STYLES = {
    SeatState.ASSIGNED: "dim",
    SeatState.ADMITTED: "dim",
    SeatState.INVITED: "yellow",
    SeatState.JOINED: "bold green",
    SeatState.AWAY: "red",
    SeatState.RETURNING: "yellow",
    SeatState.RETURNED: "cyan",
    SeatState.NEVER_JOINED: "red",
    SeatState.LOST: "bold red",
}
ROOM_STYLES = {RoomState.OPEN: "green", RoomState.CLOSED: "cyan", RoomState.FAILED: "red"}
RECORDING_STYLES = {
    RecordingState.RECORDING: "bold red",
    RecordingState.UPLOADED: "green",
    RecordingState.FAILED: "bold red",
}
BAR_WIDTH = 40


def render(breakout: BreakoutResponse, in_main: int, now: datetime) -> RenderableType:
    """The whole picture; `in_main` people are in the main meeting at `now`."""
    rooms = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("room", "state", "recording", "people"):
        rooms.add_column(heading, header_style="dim", no_wrap=heading != "people")
    for room in breakout.rooms:
        rooms.add_row(room.name, _room_state(room), recording_text(room.recording), _people(room))
    return Group(_headline(breakout), _time_left(breakout, now), Text(), rooms, Text(), _totals(breakout, in_main))


def seconds_left(breakout: BreakoutResponse, now: datetime) -> float | None:
    """Until the timer closes it; None when there is no timer running."""
    if breakout.state is not BreakoutState.OPEN or breakout.closes_at is None:
        return None
    return max(0.0, (breakout.closes_at - now).total_seconds())


def recording_text(recording: RecordingResponse | None) -> Text:
    """A recording's state in a word."""
    if recording is None:
        return Text("-", "dim")
    mark = "● " if recording.state is RecordingState.RECORDING else ""
    return Text(mark + recording.state, RECORDING_STYLES.get(recording.state, ""))


def summary(breakout: BreakoutResponse, in_main: int) -> str:
    """One line, for a terminal that is a file; the same line means that nothing has changed."""
    rooms, recordings = breakout.progress.rooms, breakout.progress.recordings
    joined = sum(person.state is SeatState.JOINED for room in breakout.rooms for person in room.participants)
    return (
        f"{breakout.state}: {rooms.open}/{rooms.total} rooms open, {joined} people in rooms, {in_main} in main, "
        f"{recordings.recording} recording, {recordings.uploaded} uploaded"
    )


def _headline(breakout: BreakoutResponse) -> Text:
    return Text.assemble((breakout.name, "bold"), "  ", (str(breakout.state), "bold magenta"))


def _time_left(breakout: BreakoutResponse, now: datetime) -> RenderableType:
    left = seconds_left(breakout, now)
    if left is None or not breakout.duration_seconds:
        words = {BreakoutState.OPENING: "opening the rooms", BreakoutState.CLOSING: "everyone is called back to main"}
        return Text(words.get(breakout.state, ""), "dim")
    line = Table.grid(padding=(0, 2, 0, 0))
    bar = ProgressBar(total=breakout.duration_seconds, completed=left, width=BAR_WIDTH)
    line.add_row(bar, Text(f"{left:.0f} s left"))
    return line


def _room_state(room: RoomResponse) -> Text:
    return Text(room.state, ROOM_STYLES.get(room.state, ""))


def _people(room: RoomResponse) -> Text:
    names = [(person.name, PERSON_STYLES.get(person.state, "")) for person in room.participants]
    return Text(" ").join(Text(name, style) for name, style in names)


def _totals(breakout: BreakoutResponse, in_main: int) -> Text:
    people, recordings = breakout.progress.participants, breakout.progress.recordings
    return Text(
        f"{in_main} in main · {people.joined} in rooms · {people.returned} returned · "
        f"{recordings.recording} recording · {recordings.uploaded} uploaded",
        "dim",
    )
