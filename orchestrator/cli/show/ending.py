"""How a breakout ended: whether it is over, what failed, and a report."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.cli.show.words import duration, problems, recording_text
from schemas.responses import BreakoutResponse, RecordingResponse, RoomResponse, SeatedPerson
from schemas.states import ACCOUNTED, BreakoutState, CloseReason, RecordingState, RoomState, SeatState

ENDED = frozenset({BreakoutState.CLOSED, BreakoutState.CANCELLED, BreakoutState.FAILED})
FINAL_RECORDINGS = frozenset({RecordingState.UPLOADED, RecordingState.FAILED, RecordingState.SKIPPED})
ENDING = frozenset({BreakoutState.CLOSING, BreakoutState.CLOSED})
WHY = {
    CloseReason.TIMER: "timer",
    CloseReason.API: "on request",
    CloseReason.PARENT_ENDED: "the main meeting ended",
    CloseReason.ABORTED: "aborted",
}
UNREMARKABLE = frozenset({SeatState.JOINED, SeatState.RETURNED})


def is_over(breakout: BreakoutResponse, *, uploads: bool = False) -> bool:
    """Whether a breakout has ended; with `uploads`, also whether its recordings are final."""
    recordings = [room.recording for room in breakout.rooms if room.recording]
    return breakout.state in ENDED and not (uploads and any(one.state not in FINAL_RECORDINGS for one in recordings))


def failings(breakout: BreakoutResponse) -> list[str]:
    """Return a sentence for everything that is wrong; nothing if it closed and all is well."""
    return [*_bad_states(breakout), *problems(breakout)]


def _bad_states(breakout: BreakoutResponse) -> Iterator[str]:
    if breakout.state is not BreakoutState.CLOSED:
        yield f"the breakout is {breakout.state}"
    if breakout.close_reason is CloseReason.ABORTED:
        yield "the breakout was aborted"
    if breakout.state is BreakoutState.CANCELLED:
        return
    for room in breakout.rooms:
        if room.state is RoomState.FAILED:
            yield f"{room.name} is failed: {room.error or 'no reason given'}"
        for person in room.participants:
            if person.state is SeatState.LOST or person.state not in ACCOUNTED:
                yield f"{person.name} ({room.name}) is {person.state}"
        if room.recording is not None and room.recording.state is RecordingState.FAILED:
            yield f"the recording of {room.name} is failed: {room.recording.error or 'no reason given'}"


def report(breakout: BreakoutResponse, more: str = "") -> RenderableType:
    """Show groups, recordings, times, people by state, and problems; `more` follows the times."""
    table = Table(title=f"{breakout.name}: {breakout.state}", title_justify="left", title_style="bold")
    for heading in ("room", "people", "recording", "recorded"):
        table.add_column(heading)
    for room in breakout.rooms:
        table.add_row(_room(room), _people(room), recording_text(room.recording), _length(room.recording))
    lines = ["; ".join(filter(None, [*_times(breakout), more])), _counts(breakout)]
    return Group(table, *map(Text, filter(None, lines)), *(Text(f"✗ {line}", "red") for line in problems(breakout)))


def _room(room: RoomResponse) -> str:
    return f"{room.name} (failed)" if room.state is RoomState.FAILED else room.name


def _people(room: RoomResponse) -> str:
    def named(person: SeatedPerson) -> str:
        return person.name if person.state in UNREMARKABLE else f"{person.name} ({person.state.replace('_', ' ')})"

    return ", ".join(map(named, room.participants))


def _length(recording: RecordingResponse | None) -> str:
    if recording is None or not (recording.started_at and recording.stopped_at):
        return "-"
    return _between(recording.started_at, recording.stopped_at)


def _times(breakout: BreakoutResponse) -> Iterator[str]:
    """Say what happened, and not what was planned."""
    if breakout.opened_at is None:
        return
    if breakout.starts_at is not None:
        yield f"opened in {_between(breakout.starts_at, breakout.opened_at)}"
    if breakout.state in ENDING and breakout.closes_at is not None:
        yield f"open for {_open_for(breakout, breakout.closes_at - breakout.opened_at)}"
        if breakout.empties_at is not None:
            yield f"{duration(_seconds(breakout.closes_at, breakout.empties_at))} of countdown"
    elif breakout.paused:
        yield f"paused with {duration(breakout.remaining_seconds or 0)} left"
    elif breakout.closes_at is not None:
        yield f"closes {duration(_seconds(breakout.opened_at, breakout.closes_at))} after opening"
    if breakout.closed_at is not None:
        yield f"everything done {_between(breakout.opened_at, breakout.closed_at)} after opening"


def _open_for(breakout: BreakoutResponse, lasted: timedelta) -> str:
    """Say how long it was open, why it closed, and how that differs from the plan."""
    why = [WHY[breakout.close_reason]] if breakout.close_reason else []
    planned = breakout.duration_seconds
    if planned is not None and abs(more := lasted.total_seconds() - planned) >= 1:
        why.append(f"{duration(abs(more))} {'later' if more > 0 else 'earlier'} than planned")
    return duration(max(0.0, lasted.total_seconds())) + (f" ({', '.join(why)})" if why else "")


def _between(start: datetime, end: datetime) -> str:
    return f"{_seconds(start, end):.1f} s"


def _seconds(start: datetime, end: datetime) -> float:
    """Return the seconds between two times; what was prepared may be ready a moment before it starts."""
    return max(0.0, (end - start).total_seconds())


def _counts(breakout: BreakoutResponse) -> str:
    people = breakout.progress.participants
    counts = {
        "joined": people.joined,
        "returned": people.returned,
        "lost": people.lost,
        "never joined": people.never_joined,
    }
    return f"{people.total} people: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count)
