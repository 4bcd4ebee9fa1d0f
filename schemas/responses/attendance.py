"""Bodies of responses about who was where."""

from datetime import datetime

from pydantic import Field

from schemas.responses.base import ResponseBody
from schemas.states import Role


class AttendanceRow(ResponseBody):
    """One stay of a person in a room."""

    custom_participant_id: str = Field(description="The caller's own id of the person.")
    name: str = Field(description="What others see.")
    role: Role = Field(description="`host` or `participant`.")
    room_id: str = Field(description="Our id of the room.")
    room_name: str = Field(description="The room's name.")
    joined_at: datetime = Field(description="When they came, as RealtimeKit says, else as their browser does.")
    left_at: datetime | None = Field(description="When they left; null while they are there.")
    seconds: int | None = Field(description="How long they were there; null while they are.")
    presumed: bool = Field(description="Whether the end was concluded, and RealtimeKit has not told it.")
