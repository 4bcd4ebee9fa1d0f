"""The demo's end: is everyone and everything accounted for, on our side and on RealtimeKit's?"""

from collections.abc import Iterator
from typing import Any

from orchestrator.cli.demo.story import NAMES, ROOMS
from orchestrator.cli.show.ending import wrong
from schemas.responses import BreakoutResponse, MeetingResponse
from schemas.states import RecordingState, SeatState


def missing(breakout: BreakoutResponse, meeting: MeetingResponse, state: dict[str, Any]) -> list[str]:
    """What is not as it should be, in words; empty when all is well."""
    return [*_ours(breakout), *_theirs(breakout, meeting, state)]


def _ours(breakout: BreakoutResponse) -> Iterator[str]:
    yield from wrong(breakout)
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
