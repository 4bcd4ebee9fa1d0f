"""Bodies of responses, and messages, for participants' browsers. `SeatResponse` alone has a RealtimeKit token."""

from datetime import datetime

from pydantic import Field

from schemas.responses.base import ResponseBody
from schemas.states import BreakoutState, Location


class SeatRoom(ResponseBody):
    """A room that somebody may choose."""

    id: str = Field(description="Our id of the room.")
    name: str = Field(description="Its name.")
    participant_count: int = Field(description="How many people belong there now.")


class SeatBreakout(ResponseBody):
    """The breakout that a seat belongs to; `rooms` only where `allow_switch` is true."""

    id: str = Field(description="Our id of the breakout.")
    state: BreakoutState = Field(description="How far it is.")
    closes_at: datetime | None = Field(description="When it closes; null without a timer, and while that is paused.")
    empties_at: datetime | None = Field(description="When the seats point to main; known once it is closing.")
    paused: bool = Field(description="Whether its timer is stopped.")
    rooms: list[SeatRoom] | None = Field(description="The rooms, for those who may choose one; else null.")


class SeatResponse(ResponseBody):
    """S: where one person should be now; a client that goes wherever this points is correct."""

    version: int = Field(description="Two seats of one person with the same version say the same, counts aside.")
    location: Location = Field(description="`main` or `room`.")
    meeting_id: str = Field(description="Our id of the main meeting.")
    parent_realtimekit_meeting_id: str = Field(description="RealtimeKit's id of the main meeting.")
    realtimekit_meeting_id: str = Field(description="RealtimeKit's id of the meeting to be in.")
    recorded: bool | None = Field(
        description="Whether the room is being recorded, or will be while people are there; null in main."
    )
    room_id: str | None = Field(description="Our id of the room; null in main.")
    room_name: str | None = Field(description="The room's name; null in main.")
    auth_token: str | None = Field(description="RealtimeKit's token for exactly that meeting.")
    breakout: SeatBreakout | None = Field(description="The breakout that runs; null when none does.")


class BroadcastMessage(ResponseBody):
    """A seat stream's `broadcast`: what a host or an operator says to people."""

    text: str = Field(description="What is said.")


class ClosingMessage(ResponseBody):
    """A seat stream's `closing`: when the seats will point to main, from the beginning of the closing."""

    countdown_seconds: int = Field(description="How many seconds are left until the seats point to main.")


class WarningMessage(ResponseBody):
    """A seat stream's `warning`: the room closes soon."""

    remaining_seconds: int = Field(description="How many seconds are left until the room closes.")
