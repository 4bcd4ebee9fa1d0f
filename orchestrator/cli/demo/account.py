"""The demo's end: is everyone and everything accounted for, on our side and on RealtimeKit's?"""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from orchestrator.cli.demo.story import NAMES, ROOMS
from orchestrator.cli.demo.view import recording_text
from schemas.responses import BreakoutResponse, MeetingResponse, RecordingResponse
from schemas.states import BreakoutState, RecordingState, RoomState, SeatState


def missing(breakout: BreakoutResponse, meeting: MeetingResponse, state: dict[str, Any]) -> list[str]:
    """What is not as it should be, in words; empty when all is well."""
    return [*_ours(breakout), *_theirs(breakout, meeting, state)]


def _ours(breakout: BreakoutResponse) -> Iterator[str]:
    if breakout.state is not BreakoutState.CLOSED:
        yield f"the breakout is {breakout.state}"
    seated = {person.custom_participant_id for room in breakout.rooms for person in room.participants}
    if unseated := {name.lower() for name in NAMES} - seated:
        yield f"nobody gave a seat to {', '.join(sorted(unseated))}"
    for room in breakout.rooms:
        if room.state is not RoomState.CLOSED:
            yield f"{room.name} is {room.state}: {room.error or 'no reason given'}"
        for person in room.participants:
            if person.state is not SeatState.RETURNED:
                yield f"{person.name} ({room.name}) is {person.state}"
        if room.recording is None or room.recording.state is not RecordingState.UPLOADED:
            yield f"{room.name} has no uploaded recording"
    if len(breakout.rooms) != ROOMS:
        yield f"there are {len(breakout.rooms)} rooms instead of {ROOMS}"
    for problem in breakout.problems:
        yield f"{problem.what}: {problem.detail}"


def _theirs(breakout: BreakoutResponse, meeting: MeetingResponse, state: dict[str, Any]) -> Iterator[str]:
    here = {
        peer["custom_participant_id"]
        for peer in state["peers"]
        if peer["meeting_id"] == meeting.realtimekit_meeting_id and not peer["left_at"]
    }
    if away := {name.lower() for name in NAMES} - here:
        yield f"not in the main meeting: {', '.join(sorted(away))}"
    status = {item["id"]: item["status"] for item in state["meetings"]}
    for room in breakout.rooms:
        if status.get(room.realtimekit_meeting_id) != "INACTIVE":
            yield f"the meeting of {room.name} was not retired"
    if surplus := len(status) - 1 - len(breakout.rooms):
        yield f"{surplus} meetings too many at RealtimeKit"


def report(breakout: BreakoutResponse, calls: int) -> Table:
    """Groups, recordings and times."""
    table = Table(title=f"{breakout.name}: {breakout.state}", title_justify="left", title_style="bold")
    for heading in ("room", "people", "recording", "recorded"):
        table.add_column(heading)
    for room in breakout.rooms:
        people = ", ".join(person.name for person in room.participants)
        table.add_row(room.name, people, recording_text(room.recording), _length(room.recording))
    table.caption = f"{_times(breakout)}{calls} calls to RealtimeKit"
    table.caption_justify = "left"
    return table


def _length(recording: RecordingResponse | None) -> str:
    if recording is None or not (recording.started_at and recording.stopped_at):
        return "-"
    return f"{(recording.stopped_at - recording.started_at).total_seconds():.1f} s"


def _times(breakout: BreakoutResponse) -> str:
    if not (breakout.opened_at and breakout.closed_at):
        return ""
    opening = (breakout.opened_at - breakout.created_at).total_seconds()
    whole = (breakout.closed_at - breakout.opened_at).total_seconds()
    asked = f"{breakout.duration_seconds} s and {breakout.countdown_seconds} s of countdown"
    return f"opened in {opening:.1f} s; open for {asked}; everything done {whole:.1f} s after opening; "
