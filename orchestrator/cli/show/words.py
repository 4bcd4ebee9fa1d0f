"""Times, states and counts of a breakout as text."""

from datetime import datetime

from rich.text import Text

from schemas.responses import BreakoutResponse, RecordingResponse
from schemas.states import BreakoutState, RecordingState, SeatState

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
RECORDING_STYLES = {
    RecordingState.RECORDING: "bold red",
    RecordingState.UPLOADED: "green",
    RecordingState.FAILED: "bold red",
}


def duration(seconds: float) -> str:
    """Format seconds as `45 s`, `12:05` or `1:00:00`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def seconds_left(breakout: BreakoutResponse, now: datetime) -> float | None:
    """Return the seconds until it opens, closes by its timer, or sends people to main, whichever is next.

    While it is paused: what remains of its timer. None if there is no such time.
    """
    if breakout.state is BreakoutState.OPEN and breakout.paused:
        return breakout.remaining_seconds
    until = {
        BreakoutState.SCHEDULED: breakout.starts_at,
        BreakoutState.OPEN: breakout.closes_at,
        BreakoutState.CLOSING: breakout.empties_at,
    }.get(breakout.state)
    return None if until is None else max(0.0, (until - now).total_seconds())


def time_left(breakout: BreakoutResponse, now: datetime) -> str:
    """Say what happens next, and when."""
    left = seconds_left(breakout, now)
    if not left:
        return {
            BreakoutState.OPENING: "opening the rooms",
            BreakoutState.OPEN: "no timer" if left is None else "time is up",
            BreakoutState.CLOSING: "everyone is called back to main",
        }.get(breakout.state, "")
    return {
        BreakoutState.SCHEDULED: f"opens in {duration(left)}",
        BreakoutState.OPEN: f"{duration(left)} left{', paused' if breakout.paused else ''}",
        BreakoutState.CLOSING: f"everyone is called back to main in {duration(left)}",
    }[breakout.state]


def recording_text(recording: RecordingResponse | None) -> Text:
    """Format a recording's state."""
    if recording is None:
        return Text("-", "dim")
    mark = "● " if recording.state is RecordingState.RECORDING else ""
    return Text(mark + recording.state, RECORDING_STYLES.get(recording.state, ""))


def summary(breakout: BreakoutResponse, in_main: int | None = None) -> str:
    """Format a breakout as one line, which changes only when something worth showing has changed."""
    rooms, people, recordings = breakout.progress.rooms, breakout.progress.participants, breakout.progress.recordings
    counts = [
        f"{rooms.open}/{rooms.total} rooms open",
        f"{people.joined} people in rooms",
        f"{people.returned} returned" if in_main is None else f"{in_main} in main",
        f"{recordings.recording} recording",
        f"{recordings.uploaded} uploaded",
    ]
    if breakout.problems:
        counts.append(f"{len(breakout.problems)} problems")
    return f"{breakout.state}{' (paused)' if breakout.paused else ''}: {', '.join(counts)}"


def problems(breakout: BreakoutResponse) -> list[str]:
    """Format the problems, a line each, with the room and person that they are about."""
    rooms = {room.id: room.name for room in breakout.rooms}
    lines = []
    for problem in breakout.problems:
        subjects = [rooms.get(problem.room_id or "", ""), problem.custom_participant_id or ""]
        subject = ", ".join(filter(None, subjects))
        lines.append(f"{problem.what}{f' ({subject})' if subject else ''}: {problem.detail}")
    return lines
