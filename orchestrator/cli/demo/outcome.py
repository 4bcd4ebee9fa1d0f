"""Whether the demo ended as it should, by our records and by RealtimeKit's."""

from collections.abc import Iterator
from typing import Any

from orchestrator.cli.demo.story import NAMES, ROOMS
from orchestrator.cli.show import ending
from schemas.responses import BreakoutResponse, MeetingResponse
from schemas.states import RecordingState, SeatState


def failings(breakout: BreakoutResponse, meeting: MeetingResponse, state: dict[str, Any]) -> list[str]:
    """Return a sentence for everything that is wrong."""
    return [*_in_our_records(breakout), *_at_realtimekit(breakout, meeting, state)]


def _in_our_records(breakout: BreakoutResponse) -> Iterator[str]:
    yield from ending.failings(breakout)
    seated = {person.custom_participant_id for room in breakout.rooms for person in room.participants}
    if unseated := {name.lower() for name in NAMES} - seated:
        yield f"nobody gave a seat to {', '.join(sorted(unseated))}"
    for room in breakout.rooms:
        for person in room.participants:
            if person.state is SeatState.NEVER_JOINED:
                yield f"{person.name} ({room.name}) never joined"
        if room.recording is None or room.recording.state is not RecordingState.UPLOADED:
            yield f"{room.name} has no uploaded recording"
    if len(breakout.rooms) != ROOMS:
        yield f"there are {len(breakout.rooms)} rooms instead of {ROOMS}"


def _at_realtimekit(breakout: BreakoutResponse, meeting: MeetingResponse, state: dict[str, Any]) -> Iterator[str]:
    in_main = {
        peer["custom_participant_id"]
        for peer in state["peers"]
        if peer["meeting_id"] == meeting.realtimekit_meeting_id and not peer["left_at"]
    }
    if away := {name.lower() for name in NAMES} - in_main:
        yield f"not in the main meeting: {', '.join(sorted(away))}"
    status = {item["id"]: item["status"] for item in state["meetings"]}
    for room in breakout.rooms:
        if status.get(room.realtimekit_meeting_id) != "INACTIVE":
            yield f"the meeting of {room.name} was not retired"
    if surplus := len(status) - 1 - len(breakout.rooms):
        yield f"{surplus} meetings too many at RealtimeKit"
